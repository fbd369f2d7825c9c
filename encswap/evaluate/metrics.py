"""Precision, recall and F1 of exact spans, and seqeval's strict IOB2 over characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from encswap.types import Example, Prediction

Span = tuple[int, int, str]


@dataclass(frozen=True)
class Counts:
    """True positives, predictions and gold mentions; those not in the text count as gold."""

    correct: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.correct + other.correct, self.predicted + other.predicted, self.gold + other.gold
        )

    @property
    def precision(self) -> float:
        """Share of the predictions that are right; 0 where there are none."""
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold that was found; 0 where there is none."""
        return self.correct / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, from the counts."""
        total = self.predicted + self.gold
        return 2 * self.correct / total if total else 0.0

    def as_dict(self) -> dict[str, float | int]:
        """The numbers that a report shows."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "support": self.gold,
        }


def count(example: Example, predictions: Iterable[Prediction]) -> dict[str, Counts]:
    """Count exact matches of one document, label by label, of those it was annotated for."""
    gold = {(m.start, m.end, m.label) for m in example.mentions}
    found = {(p.start, p.end, p.label) for p in predictions if example.is_annotated(p.label)}
    lost = Counter(one.label for one in example.unlocated)
    labels = {span[2] for span in gold | found} | set(lost)
    return {
        label: Counts(
            correct=sum(span[2] == label for span in gold & found),
            predicted=sum(span[2] == label for span in found),
            gold=sum(span[2] == label for span in gold) + lost[label],
        )
        for label in sorted(labels)
    }


def total(documents: Iterable[Mapping[str, Counts]]) -> dict[str, Counts]:
    """Add up the counts of documents, label by label."""
    sums: dict[str, Counts] = {}
    for document in documents:
        for label, counts in document.items():
            sums[label] = sums.get(label, Counts()) + counts
    return sums


def micro(per_label: Mapping[str, Counts]) -> Counts:
    """Add up the counts of all labels."""
    return sum(per_label.values(), Counts())


def iob2(text_length: int, spans: Sequence[Span]) -> list[str]:
    """Tag characters in IOB2; of spans that overlap, the one that comes first in `spans` stands."""
    tags = ["O"] * text_length
    for start, end, label in spans:
        if all(tag == "O" for tag in tags[start:end]):
            tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    return tags


def strict_iob2(
    examples: Sequence[Example], predictions: Sequence[Sequence[Prediction]]
) -> dict[str, float]:
    """Score characters with seqeval in strict mode (Nakayama, 2018; scheme IOB2).

    Tags cannot nest: longer gold and better scored predictions stand. Gold that is not in its text
    has no characters, so unlike the exact spans it is not counted here.
    """
    import warnings

    if not examples:
        return {**Counts().as_dict()}
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2

    gold = [
        iob2(len(e.text), [(m.start, m.end, m.label) for m in sorted(e.mentions, key=_longest)])
        for e in examples
    ]
    found = [
        iob2(len(e.text), [(p.start, p.end, p.label) for p in sorted(ps, key=_best)])
        for e, ps in zip(examples, predictions, strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, f1, support = precision_recall_fscore_support(
            gold, found, average="micro", scheme=IOB2, zero_division=0
        )
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "support": int(support or 0),
    }


def _longest(mention: object) -> tuple[int, int]:
    start, end = getattr(mention, "start"), getattr(mention, "end")  # noqa: B009
    return start - end, start


def _best(prediction: Prediction) -> tuple[float, int]:
    return -prediction.score, prediction.start
