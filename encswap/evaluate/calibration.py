"""Whether a score of 0.8 is right eight times in ten (Guo et al., 2017)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from encswap.domain import Example, Prediction

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Candidates with scores in [low, high): how many, their mean score, and the share right."""

    low: float
    high: float
    count: int
    score: float
    right: float


def calibrate(
    examples: Iterable[Example], candidates: Iterable[Sequence[Prediction]], bins: int = BINS
) -> list[Bin]:
    """Compare scores with the share that is gold, in bins of equal width; none is empty."""
    sums = [[0, 0.0, 0] for _ in range(bins)]
    for example, found in zip(examples, candidates, strict=True):
        gold = {(one.start, one.end, one.label) for one in example.mentions}
        for one in found:
            place = sums[min(int(one.score * bins), bins - 1)]
            place[0] += 1
            place[1] += one.score
            place[2] += (one.start, one.end, one.label) in gold
    return [
        Bin(n / bins, (n + 1) / bins, int(count), score / count, right / count)
        for n, (count, score, right) in enumerate(sums)
        if count
    ]


def expected_error(curve: Sequence[Bin]) -> float:
    """Expected calibration error (Naeini et al., 2015): the mean gap, weighted by count."""
    total = sum(one.count for one in curve)
    return sum(one.count * abs(one.score - one.right) for one in curve) / total if total else 0.0
