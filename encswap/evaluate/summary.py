"""From counts to the numbers that `metrics.json` holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from encswap.domain import Example
from encswap.evaluate.intervals import bootstrap_f1
from encswap.evaluate.metrics import Counts, micro, strict_iob2
from encswap.evaluate.thresholds import Scored
from encswap.evaluate.views import other_views


def summarise(
    scored: Scored, examples: Sequence[Example], labels: Sequence[str], seed: int
) -> dict[str, Any]:
    """Micro and per-label scores with 95% intervals, and the other views beside them."""
    per_label = scored.per_label
    everything = [micro(document) for document in scored.documents]
    return {
        "threshold": scored.threshold,
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
