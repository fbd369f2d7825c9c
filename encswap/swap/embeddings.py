"""The default `adapt_embeddings`: every pretrained row stays, the marker rows get a start.

The methods are pure: two tables, a name and a generator in, a new table out. `overlap` alone
changes pretrained rows, by design.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from encswap.errors import SwapError
from encswap.hookspecs import hookimpl
from encswap.swap.vocabulary import Spelling, spellings
from encswap.types import AdaptedEmbeddings, EmbeddingTable

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

WORDS = re.compile(r"\w+")


@cache
def shipped_descriptions() -> Mapping[str, str]:
    """Read what each schema token means from `descriptions.yaml`."""
    path = Path(__file__).with_name("descriptions.yaml")
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def described_rows(
    table: EmbeddingTable, pretrained: torch.Tensor, descriptions: Mapping[str, str]
) -> dict[str, torch.Tensor]:
    """Average the rows of the pieces that describe each marker, rarer pieces weighing more.

    A row (hidden,) lies as far from the table's mean as a row of `pretrained` (rows, hidden)
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


NEAREST = 10
TEMPERATURE = 0.1
ROWS_AT_ONCE = 1024
ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token", "bos_token", "eos_token")


def overlapped(
    base: EmbeddingTable, candidate: EmbeddingTable, generator: torch.Generator
) -> AdaptedEmbeddings:
    """Start the candidate's table from the base's.

    Shared pieces, special tokens of the same role and markers are the base's rows, bit for bit;
    every other piece is a softmax-weighted mean of the base's rows of its nearest shared pieces.
    Spare rows stay. Raises `SwapError` where widths differ or nothing is shared.
    """
    refuse_other_width(base, candidate)
    theirs = {spelling: number for number, spelling in reversed(spellings(base.tokenizer).items())}
    ours = spellings(candidate.tokenizer)
    copied = _shared(theirs, ours)
    if not copied:
        raise SwapError(
            "the vocabularies of base and candidate share no piece, so `overlap` has no start",
            hint="choose --embeddings transplant",
        )
    others = [number for number in ours if number not in copied]
    weight = candidate.weight.clone()
    made, drawn = _combined(base, candidate, copied, others)
    weight[others] = made
    weight[drawn] = _mixed(base, len(drawn), generator)
    specials = _same_role(base.tokenizer, candidate)
    markers = {number: base.markers[token] for token, number in candidate.markers.items()}
    for ids in (copied, specials, markers):
        weight[list(ids)] = base.weight[list(ids.values())]
    origins = Counter(shared=len(copied), combined=len(others) - len(drawn))
    origins.update(special=len(specials), marker=len(markers), random=len(drawn))
    origins["kept"] = len(weight) - origins.total()
    return AdaptedEmbeddings(weight, {how: count for how, count in origins.items() if count})


def refuse_other_width(base: EmbeddingTable, candidate: EmbeddingTable) -> None:
    """Refuse tables whose rows differ in width."""
    if base.weight.shape[1] != candidate.weight.shape[1]:
        raise SwapError(
            f"rows of width {base.weight.shape[1]} do not fit a table of width "
            f"{candidate.weight.shape[1]}",
            hint="choose --embeddings describe, mean or random",
        )


def _shared(theirs: Mapping[Spelling, int], ours: Mapping[int, Spelling]) -> dict[int, int]:
    """Map the candidate's id of each shared piece to the base's."""
    return {number: theirs[spelling] for number, spelling in ours.items() if spelling in theirs}


def _same_role(base: PreTrainedTokenizerFast, candidate: EmbeddingTable) -> dict[int, int]:
    """Map the candidate's special tokens to the base's of the same role."""
    found: dict[int, int] = {}
    for role in ROLES:
        mine, other = (getattr(one, f"{role}_id", None) for one in (candidate.tokenizer, base))
        if mine is not None and other is not None:
            found.setdefault(mine, other)
    return found


def _combined(
    base: EmbeddingTable, candidate: EmbeddingTable, copied: Mapping[int, int], others: list[int]
) -> tuple[torch.Tensor, list[int]]:
    """Mix the base's rows of the nearest shared pieces: (others, hidden), and who has none near.

    Likeness is the cosine of centred rows. A piece whose own row says nothing cannot be placed.
    """
    import torch

    shared = sorted(copied)
    mean = candidate.weight[[*shared, *others]].mean(dim=0)
    own = torch.nn.functional.normalize(candidate.weight - mean, dim=1)
    known, rows = own[shared], base.weight[[copied[number] for number in shared]]
    parts = [torch.empty(0, rows.shape[1])]
    for start in range(0, len(others), ROWS_AT_ONCE):
        likeness = own[others[start : start + ROWS_AT_ONCE]] @ known.T
        values, places = likeness.topk(min(NEAREST, len(shared)), dim=1)
        shares = (values / TEMPERATURE).softmax(dim=1)
        parts.append(torch.einsum("rk,rkh->rh", shares, rows[places]))
    nonzero = candidate.weight[others].abs().sum(dim=1) > 0
    return torch.cat(parts), [
        number for number, one in zip(others, nonzero, strict=True) if not one
    ]


def _mixed(base: EmbeddingTable, count: int, generator: torch.Generator) -> torch.Tensor:
    """Rows drawn from a normal distribution with the base's own mean and deviation."""
    import torch

    noise = torch.randn(count, base.weight.shape[1], generator=generator)
    return noise * base.weight.std(dim=0) + base.weight.mean(dim=0)


METHODS = ("transplant", "describe", "mean", "random")
"""The methods that leave every pretrained row as it is."""
WHOLE_TABLE = "overlap"


@hookimpl(trylast=True)
def adapt_embeddings(
    base: EmbeddingTable, candidate: EmbeddingTable, method: str, generator: torch.Generator
) -> AdaptedEmbeddings | None:
    """Fill the marker rows by one of `METHODS`, or start the whole table by `overlap`."""
    if method == WHOLE_TABLE:
        return overlapped(base, candidate, generator)
    if method not in METHODS:
        return None
    pretrained = _pretrained_rows(candidate)
    if method == "describe":
        return _described(candidate, pretrained, generator)
    rows = {
        "transplant": lambda: _transplanted(base, pretrained, candidate),
        "mean": lambda: pretrained.mean(dim=0).expand(len(candidate.markers), -1),
        "random": lambda: _drawn(pretrained, len(candidate.markers), generator),
    }[method]()
    weight = candidate.weight.clone()
    weight[list(candidate.markers.values())] = rows.to(weight.dtype)
    return AdaptedEmbeddings(
        weight=weight, origins={"kept": len(pretrained), method: len(candidate.markers)}
    )


def _pretrained_rows(table: EmbeddingTable) -> torch.Tensor:
    """The rows of the table that belong to real pieces: no marker, no padding, no spare row."""
    import torch

    keep = torch.ones(len(table.weight), dtype=torch.bool)
    keep[len(table.tokenizer) :] = False
    keep[list(table.markers.values())] = False
    if table.tokenizer.pad_token_id is not None:
        keep[table.tokenizer.pad_token_id] = False
    return table.weight[keep]


def _transplanted(
    base: EmbeddingTable, pretrained: torch.Tensor, candidate: EmbeddingTable
) -> torch.Tensor:
    """The base's marker rows, moved and scaled to the statistics of the candidate's table."""
    import torch

    if base.weight.shape[1] != candidate.weight.shape[1]:
        raise SwapError(
            f"marker rows of width {base.weight.shape[1]} do not fit a table of width "
            f"{candidate.weight.shape[1]}",
            hint="choose --embeddings describe, mean or random",
        )
    source = _pretrained_rows(base)
    rows = torch.stack([base.weight[base.markers[token]] for token in candidate.markers])
    centred = (rows - source.mean(dim=0)) / source.std().clamp_min(1e-8)
    return centred * pretrained.std() + pretrained.mean(dim=0)


def _described(
    candidate: EmbeddingTable, pretrained: torch.Tensor, generator: torch.Generator
) -> AdaptedEmbeddings:
    """The markers in words; a marker whose words the tokenizer does not know is drawn."""
    rows = described_rows(candidate, pretrained, shipped_descriptions())
    unknown = [token for token in candidate.markers if token not in rows]
    weight = candidate.weight.clone()
    for token, row in rows.items():
        weight[candidate.markers[token]] = row
    origins = {"kept": len(pretrained), "describe": len(rows)}
    if unknown:
        drawn = _drawn(pretrained, len(unknown), generator)
        weight[[candidate.markers[token] for token in unknown]] = drawn.to(weight.dtype)
        origins["random"] = len(unknown)
    return AdaptedEmbeddings(weight=weight, origins=origins)


def _drawn(pretrained: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """Rows drawn from a normal distribution with the table's own mean and deviation."""
    import torch

    noise = torch.randn(count, pretrained.shape[1], generator=generator)
    return noise * pretrained.std(dim=0) + pretrained.mean(dim=0)
