"""Other views of the same predictions: strings, macro averages, partial and type-only matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from encswap.domain import Example, Prediction
from encswap.evaluate.metrics import Counts
from encswap.evaluate.partial import Matches, partial_matches, type_matches

Numbers = dict[str, float | int]


def other_views(
    examples: Sequence[Example],
    predictions: Sequence[Sequence[Prediction]],
    per_label: Mapping[str, Counts],
) -> dict[str, Numbers]:
    """Score the predictions in every other way that a report shows."""
    pairs = list(zip(examples, predictions, strict=True))
    return {
        "macro": macro(per_label),
        "strings": sum((string_sets(e, p) for e, p in pairs), Counts()).as_dict(),
        "partial": sum((partial_matches(e, p) for e, p in pairs), Matches()).as_dict(),
        "type": sum((type_matches(e, p) for e, p in pairs), Matches()).as_dict(),
    }


def macro(per_label: Mapping[str, Counts]) -> Numbers:
    """Average precision, recall and F1 over the labels that gold or predictions hold."""
    held = [one for one in per_label.values() if one.gold or one.predicted]
    share = len(held) or 1
    return {
        "precision": sum(one.precision for one in held) / share,
        "recall": sum(one.recall for one in held) / share,
        "f1": sum(one.f1 for one in held) / share,
        "support": sum(one.gold for one in held),
    }


def string_sets(example: Example, predictions: Sequence[Prediction]) -> Counts:
    """Compare a document's sets of (label, string), as the plan does, whose gold has no offsets."""
    gold = {(one.label, one.text) for one in example.mentions}
    gold |= {(one.label, one.text) for one in example.unlocated}
    found = {(one.label, example.text[one.start : one.end]) for one in predictions}
    return Counts(len(gold & found), len(found), len(gold))
