"""What a reader of a run's scores must know: signs that a figure does not mean what it seems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def remarks_on_scores(metrics: Mapping[str, Any], thresholds: Sequence[float]) -> list[str]:
    """Say what is odd about a finished run's metrics, a line each; empty where nothing is."""
    return [*_of_dev(metrics, thresholds), *_of_labels(metrics), *_of_baselines(metrics)]


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
