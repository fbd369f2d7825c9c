"""Several runs as tables: their scores, and their differences with what is real."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from encswap.cli.scores import table
from encswap.report.comparing import ALL, Pair, difference_rows, name_apart, score_rows
from encswap.report.reading import Run
from encswap.report.texts import Texts


def as_text(runs: Sequence[Run], pairs: Sequence[Pair], texts: Texts, *, markdown: bool) -> str:
    """Draw the scores of the runs, and every difference with its interval."""
    return "\n".join(
        [
            table(score_rows(runs, texts), markdown),
            table(difference_rows(pairs, texts), markdown),
            texts("differences_note"),
        ]
    )


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
