"""A whole table started from the base's: shared pieces copied, the others made of shared ones.

After FOCUS (Dobler & de Melo, 2023) and WECHSEL (Minixhofer et al., 2022). The auxiliary space, in
which likeness is measured, is the candidate's own pretrained table. Unlike all other methods this
one replaces pretrained rows: it is for an encoder whose layers read the base's embeddings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from encswap.domain import AdaptedEmbeddings, EmbeddingTable
from encswap.errors import SwapError
from encswap.swap.pieces import Spelling, spellings

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

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
    weight[drawn] = _drawn(base, len(drawn), generator)
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
    said = candidate.weight[others].abs().sum(dim=1) > 0
    return torch.cat(parts), [number for number, one in zip(others, said, strict=True) if not one]


def _drawn(base: EmbeddingTable, count: int, generator: torch.Generator) -> torch.Tensor:
    """Rows drawn from a normal distribution with the base's own mean and deviation."""
    import torch

    noise = torch.randn(count, base.weight.shape[1], generator=generator)
    return noise * base.weight.std(dim=0) + base.weight.mean(dim=0)
