"""The threshold sweep: every threshold resolved from the candidates of one pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from encswap.evaluate.metrics import Counts, count, micro, total
from encswap.gliner.decoding import resolve
from encswap.types import Example, Prediction

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
    kept = resolve(candidates, 0.0, None)
    return [Survivor(one, 0, tick(one.score)) for one in kept]


def _by_grid(candidates: Sequence[Prediction], policy: str) -> list[Survivor]:
    ranges: dict[Prediction, list[list[int]]] = {}
    for place, threshold in enumerate(GRID):
        for one in resolve(candidates, threshold / TICKS, policy):
            known = ranges.setdefault(one, [])
            if known and known[-1][1] == GRID[place - 1]:
                known[-1][1] = threshold
            else:
                known.append([threshold, threshold])
    return [Survivor(one, low, high) for one, found in ranges.items() for low, high in found]


@dataclass(frozen=True)
class Scored:
    """The result at one threshold, or at `own` ones of labels: predictions, counts by document."""

    threshold: float
    predictions: tuple[tuple[Prediction, ...], ...]
    documents: tuple[dict[str, Counts], ...]
    own: Mapping[str, float] = field(default_factory=dict)

    @property
    def per_label(self) -> dict[str, Counts]:
        """Counts of each label over all documents."""
        return total(self.documents)

    @property
    def micro(self) -> Counts:
        """Counts over all labels and documents."""
        return micro(self.per_label)


def score_at(
    examples: Sequence[Example],
    candidates: Sequence[Sequence[Prediction]],
    threshold: float,
    policy: str | None,
    own: Mapping[str, float] | None = None,
) -> Scored:
    """Resolve the candidates at one threshold, but for labels with one of their `own`, and count.

    What is predicted of a label that a document was not annotated for is neither hit nor error.
    """
    predictions = tuple(
        tuple(
            one for one in resolve(found, threshold, policy, own) if example.is_annotated(one.label)
        )
        for example, found in zip(examples, candidates, strict=True)
    )
    documents = tuple(count(e, p) for e, p in zip(examples, predictions, strict=True))
    return Scored(threshold, predictions, documents, dict(own or {}))


def sweep(
    examples: Sequence[Example],
    candidates: Sequence[Sequence[Prediction]],
    thresholds: Iterable[float],
    policy: str | None,
) -> list[Scored]:
    """Resolve the candidates at every threshold."""
    return [score_at(examples, candidates, one, policy) for one in thresholds]


def best(results: Sequence[Scored]) -> Scored:
    """The result with the highest F1; of equals, the one with the higher threshold."""
    return max(results, key=lambda one: (one.micro.f1, one.threshold))
