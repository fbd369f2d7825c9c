"""Masked language modelling of a small encoder (Devlin et al., 2019), in plain torch.

Absolute positions are learned late. Where an encoder has them they start as sinusoids (Vaswani et
al., 2017), and every encoder reads short pieces before whole texts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

MASKED, KEPT, SWAPPED = 0.15, 0.1, 0.1
LONGEST, SHORT = 96, 16
AMPLITUDE = 0.02
NO_TARGET = -100


@dataclass(frozen=True)
class Settings:
    """How long and how fast an encoder is pretrained.

    In the first `short` share of the steps a batch holds four times as many rows of 16 subtokens.
    """

    steps: int
    batch: int = 12
    rate: float = 2e-3
    short: float = 0.5
    seed: int = 1


def pretrain(model: Any, tokenizer: Any, texts: Sequence[str], settings: Settings) -> list[float]:
    """Train a masked language model in place; returns the mean loss of each tenth of the steps."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    rows = [ids[:LONGEST] for ids in tokenizer(list(texts))["input_ids"]]
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=0.01)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: _rate(n, settings.steps))
    model.train()
    losses = []
    for batch in _lessons(rows, settings, generator):
        ids, attention = _padded(batch, tokenizer.pad_token_id)
        inputs, labels = _masked(ids, attention.bool(), tokenizer, generator)
        loss = model(input_ids=inputs, attention_mask=attention, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        rates.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    model.eval()
    tenth = max(1, len(losses) // 10)
    parts = [losses[start : start + tenth] for start in range(0, tenth * 10, tenth)]
    return [sum(part) / len(part) for part in parts if part]


def set_sinusoids(model: Any) -> None:
    """Let absolute position embeddings, where there are any, start as sinusoids."""
    table = getattr(model.base_model.embeddings, "position_embeddings", None)
    if table is None:
        return
    count, width = table.weight.shape
    rates = torch.exp(-math.log(10000) * torch.arange(0, width, 2) / width)
    angles = torch.arange(count)[:, None] * rates
    with torch.no_grad():
        table.weight[:, 0::2] = AMPLITUDE * angles.sin()
        table.weight[:, 1::2] = AMPLITUDE * angles.cos()


def _rate(step: int, steps: int) -> float:
    """Warm up over a tenth, then fall along a cosine."""
    warm = max(1, steps // 10)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _lessons(
    rows: Sequence[list[int]], settings: Settings, generator: torch.Generator
) -> Iterator[list[list[int]]]:
    """Batches of short pieces first, where the settings say so, then of whole rows."""
    first = round(settings.steps * settings.short)
    pieces = [row[at : at + SHORT] for row in rows for at in range(0, len(row), SHORT)]
    quick = replace(settings, steps=first, batch=settings.batch * 4)
    if first:
        yield from _batches([one for one in pieces if len(one) > SHORT // 2], quick, generator)
    yield from _batches(rows, replace(settings, steps=settings.steps - first), generator)


def _batches(
    rows: Sequence[list[int]], settings: Settings, generator: torch.Generator
) -> Iterator[list[list[int]]]:
    """Rows of like length together, in random order, until the steps are done."""
    done = 0
    while True:
        order = torch.randperm(len(rows), generator=generator).tolist()
        order.sort(key=lambda place: len(rows[place]) // 8)
        starts = range(0, len(order) - settings.batch + 1, settings.batch)
        for place in torch.randperm(len(starts), generator=generator).tolist():
            if done == settings.steps:
                return
            done += 1
            yield [rows[one] for one in order[starts[place] : starts[place] + settings.batch]]


def _padded(batch: Sequence[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, batch))
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row in batch])
    attention = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in batch])
    return ids, attention


def _masked(
    ids: torch.Tensor, real: torch.Tensor, tokenizer: Any, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    chosen = (torch.rand(ids.shape, generator=generator) < MASKED) & real
    labels = torch.where(chosen, ids, NO_TARGET)
    fate = torch.rand(ids.shape, generator=generator)
    drawn = torch.randint(len(tokenizer), ids.shape, generator=generator)
    inputs = torch.where(chosen & (fate >= KEPT + SWAPPED), tokenizer.mask_token_id, ids)
    return torch.where(chosen & (fate < SWAPPED), drawn, inputs), labels
