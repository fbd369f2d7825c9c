"""The report of a run as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from encswap import __version__
from encswap.evaluate.thresholds import GRID, TICKS, calibrate, expected_error
from encswap.report import figures, sections
from encswap.report.ability_scores import ability_sections
from encswap.report.error_groups import errors_csv
from encswap.report.figures import draw
from encswap.report.origin import origin_of
from encswap.report.page_data import MOST_BYTES, page_data, start_of
from encswap.report.redaction import without_texts
from encswap.report.rendering import render_page
from encswap.report.rival_scores import rival_findings, rival_scores
from encswap.report.run_results import Run
from encswap.report.scores import (
    Ladder,
    beside,
    by_label,
    floor,
    ladders,
    protocol,
    remarks_of,
    steps_of,
    verdict,
    warnings_of,
)
from encswap.report.slices import MentionSlice, slices_of
from encswap.report.texts import Texts

MOST_DOWNLOAD = 1_000_000
"""Bytes of errors that a page carries as a file to download; more are the command's to write."""


def write_page(
    run: Run, texts: Texts, *, most_bytes: int = MOST_BYTES, redact: bool = False
) -> str:
    """Write the page; documents beyond `most_bytes` are left out, and the page says so.

    With `redact` it holds no text of a document, no mention string and no document's id.
    """
    slices = slices_of(run)  # before texts go: they are measured in characters
    if redact:
        run = without_texts(run, texts)
    found = ladders(run)
    return render_page(
        "page.html",
        **frame(texts("title", name=run.name), texts),
        run=run,
        **_scores(run, texts, found),
        **_errors(run, texts, slices),
        **_documents(run, texts, found, slices, most_bytes),
        origin=origin_of(run, texts),
    )


def frame(title: str, texts: Texts) -> dict[str, Any]:
    """What every page's frame needs; nothing is fetched from anywhere."""
    return {"title": title, "t": texts, "version": __version__}


def _scores(run: Run, texts: Texts, found: Mapping[str, Ladder]) -> dict[str, Any]:
    line, target, state = verdict(run, texts)
    rows, rivals = by_label(run), rival_scores(run, texts)
    epochs = run.metrics.get("epochs") or []
    steps = steps_of(found)
    return {
        "verdict": {"line": line, "target": target, "state": state, "floor": floor(run, texts)},
        "protocol": protocol(run, texts),
        "warnings": warnings_of(run, texts),
        "remarks": remarks_of(run),
        "beside": draw(figures.draw_rows, beside(run, texts), texts("beside_figure")),
        "labels": {
            "drawing": draw(figures.draw_rows, rows, texts("labels_figure"), bars=True)
            if rows
            else None,
            "table": sections.label_table(run, texts),
        },
        "rivals": {
            "drawing": draw(figures.draw_rows, rivals, texts("rivals")),
            "table": sections.rival_table(run, texts),
            "findings": rival_findings(run),
        }
        if run.metrics.get("rivals")
        else None,
        "abilities": [
            (one, sections.ability_table(one, texts)) for one in ability_sections(run, texts)
        ],
        "epochs": draw(figures.draw_epochs, epochs, texts) if epochs else None,
        "thresholds": {
            "drawing": draw(figures.draw_thresholds, steps, run.threshold, texts),
            "curves": sections.label_curves(run, texts, found),
            "table": sections.threshold_table(run, texts, found),
            "low": GRID[0],
            "high": GRID[-1],
            "start": start_of(run),
            "shown": f"{start_of(run) / TICKS:.2f}",
        },
        "views": sections.view_table(run, texts),
    }


def _errors(run: Run, texts: Texts, slices: Sequence[MentionSlice]) -> dict[str, Any]:
    table = errors_csv(run).encode("utf-8-sig", "replace")  # the mark tells Excel that it is UTF-8
    small = len(table) <= MOST_DOWNLOAD
    documents = run.documents
    curve = calibrate((d.example for d in documents), (d.candidates for d in documents))
    return {
        "errors": sections.error_table(run, texts),
        "confusion": sections.confusion_table(run, texts),
        "frequent": sections.frequent_table(run, texts),
        "advice": sections.advice(run, texts),
        "download": base64.b64encode(table).decode() if small else "",
        "slices": sections.slice_table(slices, texts) if slices else None,
        "seen_known": any(one.aspect == "seen" for one in slices),
        "calibration": {
            "drawing": draw(figures.draw_calibration, curve, texts),
            "error": f"{expected_error(curve):.3f}",
            "count": sum(one.count for one in curve),
        }
        if curve
        else None,
    }


def _documents(
    run: Run,
    texts: Texts,
    found: Mapping[str, Ladder],
    slices: Sequence[MentionSlice],
    most: int,
) -> dict[str, Any]:
    from markupsafe import Markup

    data, lacking = page_data(run, found, texts, slices, most)
    return {
        "data": Markup(data),  # noqa: S704 - <, > and & are escaped for a script element
        "lacking": lacking,
        "chips": [(label, figures.color_of(run.labels, label)) for label in run.labels],
        "label_options": sections.label_options(run, texts),
        "kind_options": sections.kind_options(texts),
        "slice_options": sections.slice_options(slices, texts),
    }
