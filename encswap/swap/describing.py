"""Marker rows from words: what a marker stands for, said in pieces that the encoder has learned."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from encswap.domain import EmbeddingTable

if TYPE_CHECKING:
    import torch

WORDS = re.compile(r"\w+")


@cache
def shipped_descriptions() -> Mapping[str, str]:
    """Read what each schema token stands for from `descriptions.yaml`."""
    path = Path(__file__).with_name("descriptions.yaml")
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def described_rows(
    table: EmbeddingTable, pretrained: torch.Tensor, descriptions: Mapping[str, str]
) -> dict[str, torch.Tensor]:
    """Average the rows of the pieces that describe each marker, rarer pieces weighing more.

    A row (hidden,) stands as far from the table's mean as a row of `pretrained` (rows, hidden)
    does on average. A marker none of whose words the tokenizer knows is left out.
    """
    pieces = {token: _pieces(table, token, descriptions) for token in table.markers}
    used_by = Counter(piece for found in pieces.values() for piece in set(found))
    mean = pretrained.mean(dim=0)
    length = (pretrained - mean).norm(dim=1).mean()
    rows = {}
    for token, found in pieces.items():
        if not found:
            continue
        weights = [math.log1p(len(pieces) / used_by[piece]) for piece in found]
        centred = _average(table.weight, found, weights) - mean
        rows[token] = mean + centred * (length / centred.norm().clamp_min(1e-8))
    return rows


def _pieces(table: EmbeddingTable, token: str, descriptions: Mapping[str, str]) -> list[int]:
    """The ids of the pieces of a marker's description, each word cut alone, as gliner2 does."""
    tokenizer, name = table.tokenizer, token.strip("[]")
    words = WORDS.findall(descriptions.get(name, name.replace("_", " ")).lower())
    ids = [
        number
        for word in words
        for number in tokenizer.convert_tokens_to_ids(tokenizer.tokenize(word))
    ]
    return [number for number in ids if number not in tokenizer.all_special_ids]


def _average(weight: torch.Tensor, ids: Sequence[int], weights: Sequence[float]) -> torch.Tensor:
    import torch

    shares = torch.tensor(weights, dtype=weight.dtype)
    return (shares / shares.sum()) @ weight[list(ids)]
