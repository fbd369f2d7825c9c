"""Which candidates stand at which threshold, so that any threshold is read off at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from encswap.domain import Prediction

TICKS = 10_000
"""Thresholds and scores in ten-thousandths, so that a page counts with whole numbers."""

GRID = tuple(range(500, 10_000, 100))


@dataclass(frozen=True)
class Survivor:
    """A candidate that is extracted at every threshold from `low` to `high` ticks."""

    candidate: Prediction
    low: int
    high: int


def tick(score: float) -> int:
    """The greatest tick that `score` reaches, exactly: score >= tick / TICKS."""
    place = int(score * TICKS)
    while score >= (place + 1) / TICKS:
        place += 1
    while place and score < place / TICKS:
        place -= 1
    return place


def survivors(candidates: Sequence[Prediction], policy: str | None = None) -> list[Survivor]:
    """List the candidates that any threshold of the grid extracts, with the thresholds that do.

    gliner2's own policy (None) takes the best score first, label by label, so what it keeps at a
    low threshold it keeps up to its score. Other policies are resolved at each step of the grid.
    """
    if policy is not None:
        return _by_grid(candidates, policy)
    kept: dict[str, list[Prediction]] = {}
    for one in sorted(candidates, key=lambda candidate: candidate.score, reverse=True):
        stands = kept.setdefault(one.label, [])
        if not any(one.start < other.end and other.start < one.end for other in stands):
            stands.append(one)
    return [Survivor(one, 0, tick(one.score)) for stands in kept.values() for one in stands]


def _by_grid(candidates: Sequence[Prediction], policy: str) -> list[Survivor]:
    from encswap.evaluate.candidates import resolve

    ranges: dict[Prediction, list[list[int]]] = {}
    for place, threshold in enumerate(GRID):
        for one in resolve(candidates, threshold / TICKS, policy):
            known = ranges.setdefault(one, [])
            if known and known[-1][1] == GRID[place - 1]:
                known[-1][1] = threshold
            else:
                known.append([threshold, threshold])
    return [Survivor(one, low, high) for one, found in ranges.items() for low, high in found]


def standing(found: Sequence[Survivor], threshold: float) -> list[Prediction]:
    """The predictions at a threshold that is a whole number of ticks, in the text's order."""
    wanted = round(threshold * TICKS)
    kept = [one.candidate for one in found if one.low <= wanted <= one.high]
    return sorted(kept, key=lambda one: (one.start, one.end, one.label))
