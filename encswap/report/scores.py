"""What the figures and tables of a report show, worked out of a run."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from encswap.evaluate.metrics import Counts
from encswap.evaluate.thresholds import GRID
from encswap.report.run_results import Run
from encswap.report.texts import Texts

BASELINES = ("dictionary", "base", "before_training", "control")
VIEWS = ("micro", "macro", "strings", "iob2", "partial", "type")


@dataclass(frozen=True)
class ScoreRow:
    """One score beside others: where it lies, its interval and its target."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    target: float | None = None
    color: str = "c0"
    main: bool = False


@dataclass(frozen=True)
class Step:
    """The counts over all labels at one threshold, in ticks."""

    at: int
    counts: Counts


@dataclass(frozen=True)
class Ladder:
    """Of one label: gold mentions, and (low, high) ticks of right and of wrong survivors."""

    gold: int
    right: tuple[tuple[int, int], ...]
    wrong: tuple[tuple[int, int], ...]

    def at(self, tick: int) -> Counts:
        """Count at a threshold."""
        (right_lows, right_highs), (wrong_lows, wrong_highs) = self._ends
        correct = bisect_right(right_lows, tick) - bisect_left(right_highs, tick)
        wrong = bisect_right(wrong_lows, tick) - bisect_left(wrong_highs, tick)
        return Counts(correct, correct + wrong, self.gold)

    @cached_property
    def _ends(self) -> list[tuple[list[int], list[int]]]:
        """Sorted lows and highs: those that have begun less those that have ended still stand."""
        return [
            (sorted(low for low, _ in pairs), sorted(high for _, high in pairs))
            for pairs in (self.right, self.wrong)
        ]


def ladders(run: Run) -> dict[str, Ladder]:
    """Collect the survivors of each label, so that any threshold can be counted from them."""
    gold = dict.fromkeys(run.labels, 0)
    ranges: dict[tuple[str, bool], list[tuple[int, int]]] = {}
    for document, found in zip(run.documents, run.survivors, strict=True):
        spans = {(one.start, one.end, one.label) for one in document.example.mentions}
        for label in [*(span[2] for span in spans), *_lost(document.example.unlocated)]:
            gold[label] = gold.get(label, 0) + 1
        for one in found:
            span = one.candidate
            key = span.label, (span.start, span.end, span.label) in spans
            ranges.setdefault(key, []).append((one.low, one.high))
            gold.setdefault(span.label, 0)
    return {
        label: Ladder(
            count,
            tuple(sorted(ranges.get((label, True), ()))),
            tuple(sorted(ranges.get((label, False), ()))),
        )
        for label, count in gold.items()
    }


def _lost(unlocated: tuple[Any, ...]) -> list[str]:
    return [one.label for one in unlocated]


def steps_of(found: Mapping[str, Ladder]) -> list[Step]:
    """Count all labels at every threshold of the grid."""
    everything = Ladder(
        sum(one.gold for one in found.values()),
        tuple(pair for one in found.values() for pair in one.right),
        tuple(pair for one in found.values() for pair in one.wrong),
    )
    return [Step(tick, everything.at(tick)) for tick in GRID]


def beside(run: Run, texts: Texts) -> list[ScoreRow]:
    """This model, what it must beat, and the ceiling."""
    test = run.metrics["test"]["micro"]
    target = (run.metrics.get("targets") or {}).get("micro", {}).get("target")
    rows = [ScoreRow(texts("this_model"), test["f1"], interval_of(test), target, main=True)]
    baselines = run.metrics.get("baselines") or {}
    for key in BASELINES:
        if baselines.get(key):
            numbers = baselines[key]["micro"]
            name = texts(key, name=baselines[key].get("name", ""))
            rows.append(ScoreRow(name, numbers["f1"], interval_of(numbers), color="muted"))
        if folded := (baselines.get(key) or {}).get("cross_fold"):
            rows.append(ScoreRow(texts("cross_fold"), folded["f1"], color="muted"))
    if run.metrics.get("coverage") is not None:
        rows.append(ScoreRow(texts("ceiling"), run.metrics["coverage"], color="c2"))
    return rows


def shares(numbers: Mapping[str, Any], texts: Texts) -> list[str]:
    """Precision, recall, F1 and interval as shown; of what has no gold, that it is not measured."""
    if not numbers["support"]:
        return ["–", "–", "–", texts("not_measured")]
    found = [f"{numbers[key]:.3f}" for key in ("precision", "recall", "f1")]
    return [*found, "–".join(f"{one:.3f}" for one in numbers["interval"])]


def by_label(run: Run) -> list[ScoreRow]:
    """The score of each label that is measured, with its interval and its target."""
    targets = run.metrics.get("targets") or {}
    return [
        ScoreRow(
            label,
            numbers["f1"],
            interval_of(numbers),
            targets.get(label, {}).get("target"),
            f"c{place % 8}",
        )
        for place, (label, numbers) in enumerate(run.metrics["test"]["per_label"].items())
        if numbers["support"]
    ]


def interval_of(numbers: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the interval of scores; None where they have none."""
    found = numbers.get("interval")
    return (float(found[0]), float(found[1])) if found else None


def not_asked(run: Run) -> list[str]:
    """The labels of the gold that the model was not asked for."""
    gold = {one.label for document in run.documents for one in document.example.mentions}
    gold |= {one.label for document in run.documents for one in document.example.unlocated}
    return sorted(gold - set(run.asked))


def number_of(value: Any) -> float | None:
    """Return a number of somebody's JSON; None for anything else."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else None


def span(interval: tuple[float, float] | None, form: str = "{}–{}", *, sign: str = "") -> str:
    """Write an interval; empty where there is none."""
    return "" if interval is None else form.format(*(f"{one:{sign}.3f}" for one in interval))


def quantity(value: Any, unit: str, texts: Texts) -> str:
    """Write a count, a duration, a size or a rate as a person reads it; – where it is not known."""
    number = number_of(value)
    if number is None:
        return "–"
    if unit == "bytes":
        return f"{number / 2**30:.1f} GiB" if number >= 2**30 else f"{number / 2**20:.0f} MiB"
    if unit == "seconds":
        return texts("minutes", value=f"{number / 60:.1f}") if number >= 120 else f"{number:.1f} s"
    if unit == "parameters":
        return f"{number / 1e6:,.1f} M" if number >= 1e6 else f"{number:,.0f}"
    return texts("per_second", value=f"{number:,.1f}")


def remarks_of(run: Run) -> list[str]:
    """What the run itself found odd about its documents and scores."""
    return [str(one) for one in run.metrics.get("remarks") or ()]


def warnings_of(run: Run, texts: Texts) -> list[str]:
    """What a reader must know before the scores."""
    said = []
    if "test" in sources(run):
        said.append(protocol(run, texts))
    if not run.documents:
        said.append(texts("empty_test"))
    elif not run.metrics["test"]["micro"]["support"]:
        said.append(texts("no_gold_test"))
    if odd := not_asked(run):
        said.append(texts("not_asked", labels=", ".join(odd)))
    return said


def verdict(run: Run, texts: Texts) -> tuple[str, str, str]:
    """The verdict's line, what it says of the target, and one of met, missed, undecided, none."""
    test = run.metrics["test"]["micro"]
    low, high = test["interval"]
    line = texts(
        "verdict_line",
        f1=f"{test['f1']:.3f}",
        documents=len(run.documents),
        low=f"{low:.3f}",
        high=f"{high:.3f}",
    )
    target = (run.metrics.get("targets") or {}).get("micro")
    if not target or target.get("verdict") not in ("met", "missed", "undecided"):
        return line, texts("no_target"), "none"
    state = target["verdict"]
    return line, texts(f"target_line_{state}", target=f"{target['target']:.2f}"), state


def floor(run: Run, texts: Texts) -> str:
    """Whether the model beats looking up the training mentions; empty where that is not known."""
    dictionary = (run.metrics.get("baselines") or {}).get("dictionary")
    if not dictionary:
        return ""
    at = float(dictionary["micro"]["f1"])
    low, high = run.metrics["test"]["micro"]["interval"]
    state = "above" if low > at else "below" if high < at else "undecided"
    return texts(f"floor_{state}", floor=f"{at:.3f}")


def protocol(run: Run, texts: Texts) -> str:
    """Where threshold and epoch come from."""
    threshold, epoch = sources(run)
    at = f"{run.threshold:g}"
    if threshold == epoch:
        return texts("protocol_plan" if epoch == "test" else "protocol_dev", threshold=at)
    return " ".join(
        (texts(f"threshold_{threshold}", threshold=at), texts(f"epoch_{epoch or 'none'}"))
    )


def sources(run: Run) -> tuple[str, str | None]:
    """Where the threshold and the epoch were chosen; of older runs what their protocol means."""
    both = "test" if run.metrics["protocol"] == "plan" else "dev"
    return run.metrics.get("threshold_source", both), run.metrics.get("epoch_source", both)
