"""A threshold for each label, chosen on dev, and kept only where dev itself shows a gain.

A threshold a label fits dev better than one for all, always: it has more to choose. So the gain is
measured by cross-fitting: in each fold both are chosen on the other folds and scored on it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encswap.evaluate.intervals import Difference, compare
from encswap.evaluate.metrics import Counts, micro
from encswap.evaluate.thresholds import Scored
from encswap.types import Example

FOLDS = 5
LEAST_DOCUMENTS = 20
"""Dev documents below which nothing can be shown."""
Choice = Mapping[str, float]


@dataclass(frozen=True)
class LabelThresholds:
    """What was chosen for each label, and whether cross-fitting shows a gain.

    `chosen` holds the labels whose threshold differs from the one for all; `f1` and `f1_one` are
    the cross-fitted scores with and without, `gain` their difference with a paired interval.
    """

    chosen: Choice
    kept: bool
    documents: int
    folds: int = FOLDS
    f1_one: float = 0.0
    f1: float = 0.0
    gain: Difference | None = None

    @property
    def thresholds(self) -> dict[str, float]:
        """What is used: empty where one threshold stays for all labels."""
        return dict(self.chosen) if self.kept else {}

    def as_dict(self) -> dict[str, Any]:
        """As `metrics.json` holds it."""
        gain = self.gain
        return {
            "kept": self.kept,
            "chosen": dict(self.chosen),
            "documents": self.documents,
            "folds": self.folds,
            "f1_one": self.f1_one,
            "f1": self.f1,
            "difference": gain.f1 if gain else None,
            "interval": [gain.low, gain.high] if gain else None,
        }


def choose_by_label(
    examples: Sequence[Example], results: Sequence[Scored], threshold: float, seed: int
) -> LabelThresholds:
    """Choose a threshold a label from one sweep over dev, and test the gain by cross-fitting.

    `threshold` is the one for all. Documents of one text are never in two folds. Too few documents
    show nothing, so `kept` is False then.
    """
    by_threshold = {one.threshold: one.documents for one in results}
    everything = range(len(examples))
    chosen = {
        label: one
        for label, one in _best_by_label(by_threshold, everything, threshold).items()
        if one != threshold
    }
    folds = _folds(examples, seed)
    if len(examples) < LEAST_DOCUMENTS or len(folds) < FOLDS or not chosen:
        return LabelThresholds(chosen, False, len(examples), len(folds))
    one_for_all, by_label = [Counts()] * len(examples), [Counts()] * len(examples)
    for held in folds:
        inside = set(held)
        others = [place for place in everything if place not in inside]
        common = _best_for_all(by_threshold, others)
        own = _best_by_label(by_threshold, others, common)
        for place in held:
            one_for_all[place] = micro(by_threshold[common][place])
            by_label[place] = _counted(by_threshold, place, own, common)
    gain = compare(one_for_all, by_label, seed=seed)
    return LabelThresholds(
        chosen,
        gain.low > 0,
        len(examples),
        len(folds),
        sum(one_for_all, Counts()).f1,
        sum(by_label, Counts()).f1,
        gain,
    )


Sweep = Mapping[float, Sequence[Mapping[str, Counts]]]
"""Counts of each document by label, at each threshold."""


def _folds(examples: Sequence[Example], seed: int) -> list[list[int]]:
    texts = sorted({example.text for example in examples})
    random.Random(seed).shuffle(texts)
    fold_of = {text: number % FOLDS for number, text in enumerate(texts)}
    folds: list[list[int]] = [[] for _ in range(FOLDS)]
    for place, example in enumerate(examples):
        folds[fold_of[example.text]].append(place)
    return [fold for fold in folds if fold]


def _best_for_all(sweep: Sweep, places: Iterable[int]) -> float:
    """The threshold of the highest F1; of equals the higher one, as `best` chooses."""
    listed = list(places)
    f1 = {
        threshold: sum((micro(documents[place]) for place in listed), Counts()).f1
        for threshold, documents in sweep.items()
    }
    return max(sweep, key=lambda threshold: (f1[threshold], threshold))


def _best_by_label(sweep: Sweep, places: Iterable[int], common: float) -> dict[str, float]:
    """The thresholds of the highest F1 over all labels together.

    Overlaps are resolved label by label, so counts add up; and 2C/(P+G) is greatest where
    2C - F(P+G) is at its own greatest value F (Dinkelbach, 1967), which parts by label. Of equals
    the threshold that is nearest to the common one stays.
    """
    totals = _totals(sweep, list(places))
    chosen = dict.fromkeys(totals, common)
    f1 = -1.0
    while (found := sum((totals[k][t] for k, t in chosen.items()), Counts()).f1) > f1:
        f1 = found
        chosen = {
            label: max(
                counts,
                key=lambda t, counts=counts, f1=f1: (  # type: ignore[misc]
                    2 * counts[t].correct - f1 * (counts[t].predicted + counts[t].gold),
                    -abs(t - common),
                    t,
                ),
            )
            for label, counts in totals.items()
        }
    return chosen


def _totals(sweep: Sweep, places: Sequence[int]) -> dict[str, dict[float, Counts]]:
    labels = sorted(
        {k for documents in sweep.values() for place in places for k in documents[place]}
    )
    return {
        label: {
            threshold: sum((documents[p].get(label, Counts()) for p in places), Counts())
            for threshold, documents in sweep.items()
        }
        for label in labels
    }


def _counted(sweep: Sweep, place: int, own: Choice, common: float) -> Counts:
    """The counts of one document with each label at its own threshold."""
    labels = {label for documents in sweep.values() for label in documents[place]}
    return sum(
        (sweep[own.get(label, common)][place].get(label, Counts()) for label in labels), Counts()
    )
