"""Runs side by side: their scores, and which of the differences are real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from encswap.errors import InputError
from encswap.evaluate.comparison import Difference, compare
from encswap.evaluate.metrics import Counts, count
from encswap.report.reading import Run
from encswap.report.texts import Texts

SEED = 42
ALL = ""


@dataclass(frozen=True)
class Pair:
    """Two runs with the difference of the second to the first, of one label or of all (`ALL`)."""

    first: str
    second: str
    label: str
    difference: Difference


def compare_runs(runs: Sequence[Run]) -> list[Pair]:
    """Compare every two runs on the documents that they share, over all labels and label by label.

    The level is 95% for all pairs of runs together, label by label. Raises `InputError` where the
    runs were not scored on the same documents and gold.
    """
    for run in runs[1:]:
        _refuse_other_documents(runs[0], run)
    names = name_apart(runs)
    labels = list(dict.fromkeys(label for run in runs for label in run.labels))
    numbered = list(combinations(range(len(runs)), 2))
    tables = [_tables(run) for run in runs]
    return [
        Pair(
            names[one],
            names[two],
            label,
            compare(
                [row.get(label, Counts()) for row in tables[one]],
                [row.get(label, Counts()) for row in tables[two]],
                seed=SEED,
                pairs=len(numbered),
            ),
        )
        for label in (ALL, *labels)
        for one, two in numbered
    ]


def score_rows(runs: Sequence[Run], texts: Texts) -> list[Sequence[str]]:
    """The scores of every run, the first row the head."""
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


def difference_rows(pairs: Sequence[Pair], texts: Texts) -> list[Sequence[str]]:
    """Every difference with its interval, the first row the head."""
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


def name_apart(runs: Sequence[Run]) -> list[str]:
    """Name the runs so that no two have one name."""
    names = [run.name for run in runs]
    return [
        f"{name} ({place})" if names.count(name) > 1 else name
        for place, name in enumerate(names, start=1)
    ]


def _tables(run: Run) -> list[dict[str, Counts]]:
    rows = []
    for document, whole in zip(run.documents, run.counts, strict=True):
        rows.append({**count(document.example, document.predictions), ALL: whole})
    return rows


def _refuse_other_documents(first: Run, other: Run) -> None:
    here, there = ([_key(one.example) for one in run.documents] for run in (first, other))
    if here == there:
        return
    place = next((n for n, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), None)
    said = (
        f"{len(here)} and {len(there)} documents"
        if place is None
        else f"they differ at document {place + 1}, {other.documents[place].example.id!r}"
    )
    raise InputError(
        f"{first.name} and {other.name} were not scored on the same documents and gold: {said}",
        hint="only runs on the same test documents can be compared document by document",
    )


def _key(example: object) -> tuple[object, ...]:
    parts = ("text", "mentions", "unlocated")
    return tuple(getattr(example, part) for part in parts)
