"""Masked language modelling of a small encoder (Devlin et al., 2019), in plain torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

MASKED, KEPT, SWAPPED = 0.15, 0.1, 0.1
LONGEST = 96
NO_TARGET = -100


@dataclass(frozen=True)
class Settings:
    """How long and how fast an encoder is pretrained."""

    steps: int
    batch: int = 24
    rate: float = 2e-3
    seed: int = 1


def pretrain(model: Any, tokenizer: Any, texts: Sequence[str], settings: Settings) -> float:
    """Train a masked language model in place; returns the mean loss of the last tenth."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    rows = [ids[:LONGEST] for ids in tokenizer(list(texts))["input_ids"]]
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=0.01)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: _rate(n, settings.steps))
    model.train()
    losses = []
    for batch in _batches(rows, settings, generator):
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
    last = losses[-max(1, len(losses) // 10) :]
    return sum(last) / len(last)


def _rate(step: int, steps: int) -> float:
    """Warm up over a tenth, then fall along a cosine."""
    warm = max(1, steps // 10)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


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
