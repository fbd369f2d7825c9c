"""The default `adapt_embeddings`: every pretrained row stays, the marker rows get a start.

The methods are pure: two tables, a name and a generator in, a new table out. `overlap` alone
changes pretrained rows, by design.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from encswap.domain import AdaptedEmbeddings, EmbeddingTable
from encswap.errors import SwapError
from encswap.hookspecs import hookimpl
from encswap.swap.describing import described_rows, shipped_descriptions
from encswap.swap.overlap import overlapped

if TYPE_CHECKING:
    import torch

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
