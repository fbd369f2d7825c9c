"""From counts to the numbers that `metrics.json` holds."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encswap.evaluate.intervals import bootstrap_f1
from encswap.evaluate.metrics import Counts, micro, strict_iob2
from encswap.evaluate.thresholds import Scored
from encswap.types import Example, Prediction

Span = tuple[int, int, str]


@dataclass(frozen=True)
class Matches:
    """Pairs, of which `partial` count half, and how many predictions and gold mentions there are.

    Gold and predictions are sets of (start, end, label), as exact spans count them; gold that does
    not stand in its text is in `gold`.
    """

    correct: int = 0
    partial: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: Matches) -> Matches:
        return Matches(
            self.correct + other.correct,
            self.partial + other.partial,
            self.predicted + other.predicted,
            self.gold + other.gold,
        )

    def as_dict(self) -> dict[str, float | int]:
        """Precision, recall and F1 with the gold that there is."""
        hits, total = self.correct + 0.5 * self.partial, self.predicted + self.gold
        return {
            "precision": hits / self.predicted if self.predicted else 0.0,
            "recall": hits / self.gold if self.gold else 0.0,
            "f1": 2 * hits / total if total else 0.0,
            "support": self.gold,
        }


def partial_matches(example: Example, predictions: Iterable[Prediction]) -> Matches:
    """Match spans whatever their labels: equal ones count one, ones that overlap count half.

    Equal spans overlap the same others, so pairing them first loses nothing of the sum.
    """
    gold, found = _sets(example, predictions)
    waiting = list(gold)
    equal, others = 0, []
    for one in found:
        same = next((span for span in waiting if span[:2] == one[:2]), None)
        if same is None:
            others.append(one)
        else:
            waiting.remove(same)
            equal += 1
    return Matches(
        equal, _most_pairs(waiting, others), len(found), len(gold) + len(example.unlocated)
    )


def type_matches(example: Example, predictions: Iterable[Prediction]) -> Matches:
    """Match spans that overlap and have the same label, whatever their borders.

    What counts is the greatest number of pairs in which each mention and prediction stands once.
    """
    gold, found = _sets(example, predictions)
    pairs = sum(
        _most_pairs([span for span in gold if span[2] == label], same)
        for label, same in _by_label(found).items()
    )
    return Matches(pairs, 0, len(found), len(gold) + len(example.unlocated))


def _sets(example: Example, predictions: Iterable[Prediction]) -> tuple[list[Span], list[Span]]:
    gold = {(one.start, one.end, one.label) for one in example.mentions}
    return sorted(gold), sorted({(one.start, one.end, one.label) for one in predictions})


def _by_label(spans: Iterable[Span]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for span in spans:
        found.setdefault(span[2], []).append(span)
    return found


def _most_pairs(gold: Sequence[Span], found: Sequence[Span]) -> int:
    """Count the most one-to-one pairs of spans that overlap, by augmenting paths (Berge, 1957).

    Both are sorted.
    """
    near = list(_overlapping(gold, found))
    holders: dict[int, int] = {}
    return sum(_augment(place, near, holders) for place in range(len(found)))


def _overlapping(gold: Sequence[Span], found: Sequence[Span]) -> Iterator[list[int]]:
    """Yield the places of the gold spans that each found one shares a character with."""
    starts = [start for start, _, _ in gold]
    longest = max((end - start for start, end, _ in gold), default=0)
    for start, end, _ in found:
        places = range(bisect_left(starts, start - longest), bisect_left(starts, end))
        yield [place for place in places if start < gold[place][1]]


def _augment(first: int, near: Sequence[Sequence[int]], holders: dict[int, int]) -> bool:
    """Pair one more prediction, moving others to other gold where that makes room for it.

    `holders` tells of each gold span that is paired the prediction that holds it.
    """
    came_from: dict[int, int] = {}
    gave_up: dict[int, int | None] = {first: None}
    waiting = deque([first])
    while waiting:
        one = waiting.popleft()
        for place in near[one]:
            if place in came_from:
                continue
            came_from[place] = one
            if place in holders:
                gave_up[holders[place]] = place
                waiting.append(holders[place])
                continue
            free: int | None = place
            while free is not None:
                holders[free] = came_from[free]
                free = gave_up[came_from[free]]
            return True
    return False


def remarks_on_scores(metrics: Mapping[str, Any], thresholds: Sequence[float]) -> list[str]:
    """Say what is odd about a finished run's metrics, a line each; empty where nothing is."""
    return [
        *_of_dev(metrics, thresholds),
        *_of_own_thresholds(metrics),
        *_of_labels(metrics),
        *_of_baselines(metrics),
    ]


def unmeasured(test: Mapping[str, Any]) -> list[str]:
    """List the labels that the test documents hold no gold of: no score of theirs means a thing."""
    return [label for label, numbers in test["per_label"].items() if not numbers["support"]]


def _of_dev(metrics: Mapping[str, Any], thresholds: Sequence[float]) -> Iterator[str]:
    epochs = metrics.get("epochs") or ()
    if epochs and not any(one["dev_f1"] for one in epochs):
        yield (
            f"dev F1 was 0 after each of {len(epochs)} epochs: nothing was found at any threshold; "
            "train longer, with more documents or a higher learning rate"
        )
        return
    chosen, grid = metrics["threshold"], sorted(thresholds)
    if len(grid) > 1 and chosen in (grid[0], grid[-1]):
        end, way = ("lowest", "lower") if chosen == grid[0] else ("highest", "higher")
        yield (
            f"the threshold {chosen:g} is the {end} of those tried: a {way} one may be better; "
            "set thresholds to a wider range"
        )


def _of_own_thresholds(metrics: Mapping[str, Any]) -> Iterator[str]:
    found = metrics.get("label_thresholds")
    if found and found["kept"]:
        low, high = found["interval"]
        listed = ", ".join(f"{label} {one:g}" for label, one in found["chosen"].items())
        yield (
            f"labels have thresholds of their own: {listed}; cross-fitted on dev they gain "
            f"{found['difference']:+.3f} F1 [{low:+.3f}, {high:+.3f}]"
        )


def _of_labels(metrics: Mapping[str, Any]) -> Iterator[str]:
    if labels := unmeasured(metrics["test"]):
        shown = ", ".join(labels[:8]) + (f" and {len(labels) - 8} more" if len(labels) > 8 else "")
        yield f"not measured, for the test documents hold none: {shown}"


def _of_baselines(metrics: Mapping[str, Any]) -> Iterator[str]:
    dictionary = (metrics.get("baselines") or {}).get("dictionary")
    if not dictionary or not metrics["test"]["micro"]["support"]:
        return
    own, floor = metrics["test"]["micro"]["f1"], dictionary["micro"]["f1"]
    if own < floor:
        yield (
            f"the model (test F1 {own:.3f}) is below the dictionary of the training mentions "
            f"({floor:.3f}): looking the strings up finds more"
        )


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


def summarise(
    scored: Scored, examples: Sequence[Example], labels: Sequence[str], seed: int
) -> dict[str, Any]:
    """Micro and per-label scores with 95% intervals, and the other views beside them."""
    per_label = scored.per_label
    everything = [micro(document) for document in scored.documents]
    return {
        "threshold": scored.threshold,
        **({"thresholds": dict(scored.own)} if scored.own else {}),
        "documents": len(examples),
        "micro": _with_interval(scored.micro, everything, seed),
        "per_label": {
            label: _with_interval(
                per_label.get(label, Counts()),
                [document.get(label, Counts()) for document in scored.documents],
                seed,
            )
            for label in [*labels, *(one for one in sorted(per_label) if one not in labels)]
        },
        "iob2": strict_iob2(examples, scored.predictions),
        **other_views(examples, scored.predictions, per_label),
    }


def _with_interval(counts: Counts, documents: Sequence[Counts], seed: int) -> dict[str, Any]:
    return {**counts.as_dict(), "interval": list(bootstrap_f1(documents, seed=seed))}


def judge_targets(targets: Mapping[str, float], test: Mapping[str, Any]) -> dict[str, Any]:
    """Each target beside its score: met, missed, or undecided where the interval straddles it.

    One whose label has no gold in the test documents is not measured, and so not missed.
    """
    judged: dict[str, Any] = {}
    for name, target in targets.items():
        numbers = test["micro"] if name == "micro" else test["per_label"].get(name)
        if numbers is None or numbers.get("support") == 0:
            judged[name] = {"target": target, "f1": None, "verdict": "not measured"}
            continue
        low, high = numbers["interval"]
        verdict = "met" if low >= target else "missed" if high < target else "undecided"
        judged[name] = {
            "target": target,
            "f1": numbers["f1"],
            "reached": numbers["f1"] >= target,
            "verdict": verdict,
        }
    return judged
