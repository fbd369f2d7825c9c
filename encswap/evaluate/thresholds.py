"""The threshold sweep: every threshold resolved from the candidates of one pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from encswap.domain import Example, Prediction
from encswap.evaluate.candidates import resolve
from encswap.evaluate.metrics import Counts, count, micro, total


@dataclass(frozen=True)
class Scored:
    """The result at one threshold: predictions and counts of each document."""

    threshold: float
    predictions: tuple[tuple[Prediction, ...], ...]
    documents: tuple[dict[str, Counts], ...]

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
) -> Scored:
    """Resolve the candidates at one threshold and count.

    What is predicted of a label that a document was not annotated for is neither hit nor error.
    """
    predictions = tuple(
        tuple(one for one in resolve(found, threshold, policy) if example.is_annotated(one.label))
        for example, found in zip(examples, candidates, strict=True)
    )
    documents = tuple(count(e, p) for e, p in zip(examples, predictions, strict=True))
    return Scored(threshold, predictions, documents)


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
