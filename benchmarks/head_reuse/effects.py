"""What a grid says of one change: the same seeds with and without it, and whether it is luck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from encswap.experiment.statistics import Paired, holm, paired

CENTRE: Mapping[str, Any] = {
    "strategy": "surgical",
    "embeddings": "transplant",
    "splitter": "kiwi",
    "alignment": "none",
    "freeze_encoder_steps": 0,
    "head_lr": 1e-3,
}
"""The condition that every other differs from in one setting."""
BY_SIZE = ("epochs",)
"""Settings that the size decides."""
LEVEL = 0.05
Cell = Mapping[str, Any]
Scores = dict[tuple[Any, int], float]


@dataclass(frozen=True)
class Effect:
    """A change's mean difference in F1 with its 95% t interval; `p` is adjusted in its family."""

    where: str
    change: str
    size: Any
    difference: Paired
    p: float | None = None

    @property
    def direction(self) -> int:
        """1 where F1 rises, -1 where it falls, 0 where luck explains it."""
        if self.p is None or self.p >= LEVEL:
            return 0
        return 1 if self.difference.mean > 0 else -1


def scores(cells: Sequence[Cell], **wanted: Any) -> Scores:
    """F1 by size and seed, of the cells that differ from the centre in what is wanted alone."""
    meant = {**CENTRE, **wanted}
    return {
        (one["settings"]["size"], one["settings"]["seed"]): one["f1"]
        for one in cells
        if one.get("f1") is not None and _without(one["settings"]) == meant
    }


def _without(settings: Mapping[str, Any]) -> dict[str, Any]:
    full = {**CENTRE, **settings}
    return {key: full[key] for key in full if key not in (*BY_SIZE, "size", "seed")}


def effects(where: str, change: str, before: Scores, after: Scores) -> Iterator[Effect]:
    """The change's effect at each size that both sides have."""
    both = [key for key in before if key in after]
    for size in sorted({size for size, _ in both}):
        differences = [after[key] - before[key] for key in both if key[0] == size]
        yield Effect(where, change, size, paired(differences))


def overall(where: str, change: str, before: Scores, after: Scores) -> Effect:
    """The change's effect averaged over the sizes, seed by seed; a test over seeds."""
    by_seed: dict[int, list[float]] = {}
    for key in before:
        if key in after:
            by_seed.setdefault(key[1], []).append(after[key] - before[key])
    most = max(map(len, by_seed.values()))
    whole = [fmean(values) for values in by_seed.values() if len(values) == most]
    return Effect(where, change, "all sizes", paired(whole))


def family(found: Sequence[Effect]) -> list[Effect]:
    """Adjust the p values of effects that answer one question (Holm, 1979)."""
    tested = [one for one in found if one.difference.p is not None]
    adjusted = iter(holm([float(one.difference.p or 0.0) for one in tested]))
    return [
        one
        if one.difference.p is None
        else Effect(one.where, one.change, one.size, one.difference, next(adjusted))
        for one in found
    ]


def less(one: Scores, other: Scores) -> Scores:
    """The difference of two, where both are known."""
    return {key: one[key] - other[key] for key in one if key in other}
