"""Partial and type-only matches, as nervaluate counts them (SemEval 2013, task 9.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from encswap.domain import Example, Mention, Prediction


@dataclass(frozen=True)
class Matches:
    """What nervaluate calls COR, INC, PAR, MIS and SPU; `partial` counts half."""

    correct: int = 0
    incorrect: int = 0
    partial: int = 0
    missed: int = 0
    spurious: int = 0

    def __add__(self, other: Matches) -> Matches:
        return Matches(
            self.correct + other.correct,
            self.incorrect + other.incorrect,
            self.partial + other.partial,
            self.missed + other.missed,
            self.spurious + other.spurious,
        )

    def as_dict(self) -> dict[str, float | int]:
        """Precision, recall and F1 with the gold that there is."""
        paired = self.correct + self.incorrect + self.partial
        hits = self.correct + 0.5 * self.partial
        actual, possible = paired + self.spurious, paired + self.missed
        return {
            "precision": hits / actual if actual else 0.0,
            "recall": hits / possible if possible else 0.0,
            "f1": 2 * hits / (actual + possible) if actual + possible else 0.0,
            "support": possible,
        }


def partial_matches(example: Example, predictions: Sequence[Prediction]) -> Matches:
    """Match spans whatever their labels: equal ones are right, ones that overlap count half."""
    gold = list(example.mentions)
    lost = len(example.unlocated)
    hits = halves = spurious = 0
    for one in predictions:
        near = [mention for mention in gold if _overlap(mention, one)]
        equal = next((m for m in near if (m.start, m.end) == (one.start, one.end)), None)
        if not near:
            spurious += 1
            continue
        gold.remove(equal or near[0])
        hits, halves = hits + (equal is not None), halves + (equal is None)
    return Matches(hits, 0, halves, len(gold) + lost, spurious)


def type_matches(example: Example, predictions: Sequence[Prediction]) -> Matches:
    """Match labels of spans that overlap, whatever their borders; the nearest borders first."""
    gold = list(example.mentions)
    lost = len(example.unlocated)
    hits = wrong = spurious = 0
    for one in predictions:
        near = [mention for mention in gold if _overlap(mention, one)]
        same = [mention for mention in near if mention.label == one.label]
        if not near:
            spurious += 1
            continue
        gold.remove(min(same, key=_distance(one)) if same else near[0])
        hits, wrong = hits + bool(same), wrong + (not same)
    return Matches(hits, wrong, 0, len(gold) + lost, spurious)


def _overlap(gold: Mention, predicted: Prediction) -> bool:
    # nervaluate asks for one percent of the gold span at least.
    common = min(gold.end, predicted.end) - max(gold.start, predicted.start)
    return common > 0 and common * 100.0 / (gold.end - gold.start) >= 1.0


def _distance(predicted: Prediction) -> Callable[[Mention], int]:
    return lambda gold: abs(gold.start - predicted.start) + abs(gold.end - predicted.end)
