"""Several runs as tables: their scores, and their differences with what is real."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from encswap.cli.scores import table
from encswap.report.comparing import ALL, Pair, name_apart
from encswap.report.reading import Run
from encswap.report.texts import Texts


def as_text(runs: Sequence[Run], pairs: Sequence[Pair], texts: Texts, *, markdown: bool) -> str:
    """Draw the scores of the runs, and every difference with its interval."""
    return "\n".join(
        [
            table(_score_rows(runs, texts), markdown),
            table(_difference_rows(pairs, texts), markdown),
            texts("differences_note"),
        ]
    )


def _score_rows(runs: Sequence[Run], texts: Texts) -> list[Sequence[str]]:
    keys = ("run", "precision", "recall", "f1", "interval", "threshold", "protocol")
    rows: list[Sequence[str]] = [[texts(key) for key in keys]]
    for name, run in zip(name_apart(runs), runs, strict=True):
        numbers = run.metrics["test"]["micro"]
        rows.append(
            (
                name,
                *(f"{numbers[key]:.3f}" for key in ("precision", "recall", "f1")),
                "–".join(f"{one:.3f}" for one in numbers["interval"]),
                f"{run.threshold:g}",
                str(run.metrics["protocol"]),
            )
        )
    return rows


def _difference_rows(pairs: Sequence[Pair], texts: Texts) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [
        [texts(key) for key in ("differences", "label", "f1", "interval", "real")]
    ]
    for one in pairs:
        change = one.difference
        rows.append(
            (
                f"{one.first} → {one.second}",
                one.label or texts("all_labels"),
                f"{change.f1:+.3f}",
                f"{change.low:+.3f} … {change.high:+.3f}",
                texts("yes" if change.real else "not_shown"),
            )
        )
    return rows


def as_data(runs: Sequence[Run], pairs: Sequence[Pair]) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "runs": [
            {"name": name, "threshold": run.threshold, "test": run.metrics["test"]}
            for name, run in zip(name_apart(runs), runs, strict=True)
        ],
        "differences": [
            {
                "from": one.first,
                "to": one.second,
                "label": None if one.label == ALL else one.label,
                "f1": one.difference.f1,
                "interval": [one.difference.low, one.difference.high],
                "level": one.difference.level,
                "real": one.difference.real,
            }
            for one in pairs
        ],
    }
