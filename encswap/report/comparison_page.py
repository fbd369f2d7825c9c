"""The comparison of several runs as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from encswap.report import figures
from encswap.report.comparison import (
    FoundMissed,
    RunPair,
    difference_rows,
    differing_settings,
    found_and_missed,
    name_apart,
    score_rows,
)
from encswap.report.figures import draw
from encswap.report.page import frame
from encswap.report.redaction import without_texts
from encswap.report.rendering import PageCell, PageTable, render_page
from encswap.report.run_results import Run
from encswap.report.scores import ScoreRow, interval_of, span, warnings_of
from encswap.report.texts import Texts
from encswap.types import Mention

MOST_DOCUMENTS = 25
"""Documents listed for a pair of runs; the page says how many more differ."""


def write_compared(
    runs: Sequence[Run], pairs: Sequence[RunPair], texts: Texts, *, redact: bool = False
) -> str:
    """Write the page: scores, labels, which differences are real, settings, curves, documents.

    With `redact` it holds no text of a document, no mention string and no document's id.
    """
    if redact:
        runs = [without_texts(run, texts) for run in runs]
    names = name_apart(runs)
    head, *rows = difference_rows(pairs, texts)
    curves = {
        name: run.metrics["epochs"]
        for name, run in zip(names, runs, strict=True)
        if run.metrics.get("epochs")
    }
    return render_page(
        "comparison.html",
        **frame(texts("side_by_side", count=len(runs)), texts),
        redacted=redact,
        warnings=[
            f"{name}: {line}"
            for name, run in zip(names, runs, strict=True)
            for line in warnings_of(run, texts)
        ],
        scores=_scores(runs, names, texts),
        labels=_labels(runs, names, texts),
        differences=PageTable(texts("differences"), head, rows),
        settings=_settings(runs, names, texts),
        curves=draw(figures.draw_curves, curves, texts) if curves else None,
        documents=_documents(runs, names, texts),
    )


def _scores(runs: Sequence[Run], names: Sequence[str], texts: Texts) -> dict[str, Any]:
    head, *rows = score_rows(runs, texts)
    drawn = [
        _row(name, run.metrics["test"]["micro"], place)
        for place, (name, run) in enumerate(zip(names, runs, strict=True))
    ]
    return {
        "drawing": draw(figures.draw_rows, drawn, texts("all_labels")),
        "table": PageTable(texts("all_labels"), head, rows),
    }


def _row(name: str, numbers: dict[str, Any], place: int) -> ScoreRow:
    color = f"c{place % figures.COLORS}"
    return ScoreRow(name, numbers["f1"], interval_of(numbers), color=color)


def _labels(runs: Sequence[Run], names: Sequence[str], texts: Texts) -> dict[str, Any]:
    """F1 of each label in each run with its interval, drawn one run below the other."""
    labels = list(dict.fromkeys(label for run in runs for label in run.labels))
    scores = {
        label: [run.metrics["test"]["per_label"].get(label) for run in runs] for label in labels
    }
    drawn = [
        _row(f"{label} · {names[place]}", numbers, place)
        for label, found in scores.items()
        for place, numbers in enumerate(found)
        if numbers and numbers["support"]
    ]
    rows = [[label, *map(_f1, found)] for label, found in scores.items()]
    return {
        "drawing": draw(figures.draw_rows, drawn, texts("f1_by_label")) if drawn else None,
        "table": PageTable(texts("f1_by_label"), [texts("label"), *names], rows),
    }


def _f1(numbers: dict[str, Any] | None) -> str:
    if not numbers or not numbers["support"]:
        return ""
    return f"{numbers['f1']:.3f}{span(interval_of(numbers), ' ({}–{})')}"


def _settings(runs: Sequence[Run], names: Sequence[str], texts: Texts) -> PageTable:
    rows: list[list[str | PageCell]] = [
        [name, *(PageCell(value, "words") for value in values)]
        for name, *values in differing_settings(runs)
    ]
    return PageTable(texts("settings"), [texts("setting"), *names], rows)


def _documents(runs: Sequence[Run], names: Sequence[str], texts: Texts) -> list[dict[str, Any]]:
    """Compare the first run with each other one, document by document."""
    found = []
    for place in range(1, len(runs)):
        differing = found_and_missed(runs[0], runs[place])
        pair = texts("pair", first=names[0], second=names[place])
        head = [
            texts("document"),
            texts("won", name=names[0]),
            texts("won", name=names[place]),
        ]
        rows = [_document(one) for one in differing[:MOST_DOCUMENTS]]
        found.append(
            {
                "pair": pair,
                "table": PageTable(pair, head, rows),
                "more": max(0, len(differing) - MOST_DOCUMENTS),
            }
        )
    return found


def _document(one: FoundMissed) -> list[str | PageCell]:
    return [one.name, *(PageCell(_listed(side), "words") for side in (one.first, one.second))]


def _listed(mentions: Sequence[Mention]) -> str:
    return ", ".join(f"“{one.text}” {one.label}" if one.text else one.label for one in mentions)
