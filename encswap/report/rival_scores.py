"""The rivals of a run as a report shows them: score, paired difference, verdict and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from encswap.report.run_results import Run
from encswap.report.scores import ScoreRow, interval_of, number_of, quantity, span
from encswap.report.texts import Texts


@dataclass(frozen=True)
class Rival:
    """What a person would use instead, scored on the same documents, with the paired difference.

    `error` says why one could not be trained or scored; then there are no numbers.
    """

    name: str
    f1: float | None
    interval: tuple[float, float] | None
    difference: float | None
    difference_interval: tuple[float, float] | None
    verdict: str
    cost: Mapping[str, Any]
    can: str
    error: str


def rivals_of(run: Run) -> list[Rival]:
    """Read the rivals of `metrics.json`; what one does not record is None or empty."""
    return [_rival(name, one) for name, one in (run.metrics.get("rivals") or {}).items()]


def _rival(name: str, record: Any) -> Rival:
    record = record if isinstance(record, Mapping) else {"error": str(record)}
    micro, change, cost = (_mapping(record.get(key)) for key in ("micro", "difference", "cost"))
    difference = change.get("f1", change.get("mean"))
    return Rival(
        name,
        number_of(micro.get("f1")),
        _pair(micro.get("interval")),
        number_of(difference),
        _pair(change.get("interval")),
        str(record.get("verdict") or ""),
        cost,
        str(record.get("can") or ""),
        str(record.get("error") or ""),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _pair(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = number_of(value[0]), number_of(value[1])
    return None if low is None or high is None else (low, high)


def rival_scores(run: Run, texts: Texts) -> list[ScoreRow]:
    """This model and each rival that was scored."""
    test = run.metrics["test"]["micro"]
    rows = [ScoreRow(texts("this_model"), test["f1"], interval_of(test), main=True)]
    for one in rivals_of(run):
        if one.f1 is not None:
            rows.append(ScoreRow(one.name, one.f1, one.interval, color="muted"))
    return rows


def rival_rows(run: Run, texts: Texts) -> list[list[str]]:
    """Each rival's score, difference and cost, as shown; the first row is the head."""
    keys = ("rival", "f1", "difference_to", "parameters", "duration", "memory", "speed")
    rows = [[texts(key) for key in keys]]
    for one in rivals_of(run):
        shown = "–" if one.f1 is None else f"{one.f1:.3f}{span(one.interval, ' ({}–{})')}"
        change = "–" if one.difference is None else f"{one.difference:+.3f}"
        rows.append(
            [
                one.name,
                shown,
                change + span(one.difference_interval, " ({} … {})", sign="+"),
                quantity(one.cost.get("parameters"), "parameters", texts),
                quantity(one.cost.get("training_seconds"), "seconds", texts),
                quantity(one.cost.get("peak_memory_bytes"), "bytes", texts),
                quantity(one.cost.get("documents_per_second"), "rate", texts),
            ]
        )
    return rows


def rival_findings(run: Run) -> list[tuple[str, str]]:
    """Each rival's name with what was found: its verdict or error, and what it can still do."""
    parts = [
        (one.name, [one.error or one.verdict, one.can and f"It can do {one.can}"])
        for one in rivals_of(run)
    ]
    return [(name, ". ".join(part.rstrip(".") for part in found if part)) for name, found in parts]
