"""Several runs on one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations

from encswap import __version__
from encswap.errors import InputError
from encswap.evaluate.intervals import Difference, compare
from encswap.evaluate.metrics import Counts, count
from encswap.report import figures, html
from encswap.report.page import head
from encswap.report.run_results import Run
from encswap.report.scores import ScoreRow, warnings_of
from encswap.report.texts import Texts

SEED = 42
ALL = ""


@dataclass(frozen=True)
class RunPair:
    """Two runs with the difference of the second to the first, of one label or of all (`ALL`)."""

    first: str
    second: str
    label: str
    difference: Difference


def compare_runs(runs: Sequence[Run]) -> list[RunPair]:
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
        RunPair(
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


def difference_rows(pairs: Sequence[RunPair], texts: Texts) -> list[Sequence[str]]:
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


def write_compared(runs: Sequence[Run], pairs: Sequence[RunPair], texts: Texts) -> str:
    """Write the page: the scores of the runs, label by label, and which differences are real."""
    title = texts("side_by_side", count=len(runs))
    parts = [
        f"<h1>{escape(title)}</h1>",
        *_warnings(runs, texts),
        _scores(runs, texts),
        _labels(runs, texts),
        _differences(pairs, texts),
    ]
    return (
        f'<!doctype html>\n<html lang="{texts("language")}">\n{head(title)}\n<body>\n'
        f'<a class="skip" href="#scores">{escape(texts("skip"))}</a>\n<main>\n'
        + "\n".join(parts)
        + f"\n</main>\n<footer>{escape(texts('page_made', version=__version__))}</footer>\n"
        "</body>\n</html>\n"
    )


def _warnings(runs: Sequence[Run], texts: Texts) -> list[str]:
    return [
        html.paragraph(f"{name}: {said}", "warning")
        for name, run in zip(name_apart(runs), runs, strict=True)
        for said in warnings_of(run, texts)
    ]


def _scores(runs: Sequence[Run], texts: Texts) -> str:
    top, *rows = score_rows(runs, texts)
    drawn = []
    for name, run in zip(name_apart(runs), runs, strict=True):
        numbers = run.metrics["test"]["micro"]
        low, high = numbers["interval"]
        drawn.append(ScoreRow(name, numbers["f1"], (float(low), float(high))))
    return html.section(
        texts("all_labels"),
        html.figure(
            figures.draw_rows(drawn, texts("all_labels")), texts("f1"), texts("beside_note")
        ),
        html.table(top, rows, caption=texts("all_labels")),
        anchor="scores",
    )


def _labels(runs: Sequence[Run], texts: Texts) -> str:
    labels = list(dict.fromkeys(label for run in runs for label in run.labels))
    rows = [[label, *(_f1(run, label) for run in runs)] for label in labels]
    caption = texts("f1_by_label")
    top = [texts("label"), *name_apart(runs)]
    return html.section(caption, html.table(top, rows, caption=caption))


def _f1(run: Run, label: str) -> str:
    numbers = run.metrics["test"]["per_label"].get(label)
    return "" if numbers is None or not numbers["support"] else f"{numbers['f1']:.3f}"


def _differences(pairs: Sequence[RunPair], texts: Texts) -> str:
    top, *rows = difference_rows(pairs, texts)
    return html.section(
        texts("differences"),
        html.table(top, rows, caption=texts("differences")),
        html.paragraph(texts("differences_note"), "note"),
    )
