"""The sections of the page, one function each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from encswap.evaluate.error_analysis import DETAILS, KINDS, confusion, tally, tally_details
from encswap.evaluate.thresholds import GRID, TICKS, calibrate, expected_error
from encswap.report import figures, html
from encswap.report.html import Cell, Safe
from encswap.report.page_data import start_of
from encswap.report.run_results import Run
from encswap.report.scores import (
    VIEWS,
    Ladder,
    beside,
    by_label,
    floor,
    protocol,
    shares,
    steps_of,
    verdict,
)
from encswap.report.texts import Texts

SELDOM = ("both-ends", "overlapped", "unknown")
"""Details that a table shows only where there are any."""


def verdict_section(run: Run, texts: Texts) -> str:
    """The verdict first: the score with its interval, the target, the protocol, what it beats."""
    line, target, state = verdict(run, texts)
    rows = beside(run, texts)
    drawing = figures.draw_rows(rows, texts("beside_figure"))
    beaten = html.paragraph(floor(run, texts))
    return (
        f'<section class="verdict {state}" id="scores"><h2>{escape(texts("verdict"))}</h2>'
        f'<p class="score">{escape(line)}</p><p><b>{escape(target)}</b></p>{beaten}'
        f"{html.paragraph(protocol(run, texts), 'note')}</section>"
        + html.figure(drawing, texts("beside"), texts("beside_note"))
    )


def labels(run: Run, texts: Texts) -> str:
    """Each label with its interval and target, as a figure and as a table."""
    rows = by_label(run)
    test = run.metrics["test"]
    named = [*test["per_label"].items(), (texts("all_labels"), test["micro"])]
    targets = run.metrics.get("targets") or {}
    body = [
        [
            html.chip(figures.color_of(run.labels, name), name) if name in run.labels else name,
            *shares(numbers, texts),
            str(numbers["support"]),
            _target(targets.get(name if name in run.labels else "micro"), texts),
        ]
        for name, numbers in named
    ]
    keys = ("label", "precision", "recall", "f1", "interval", "mentions", "target")
    drawing = figures.draw_rows(rows, texts("labels_figure"), bars=True)
    return html.section(
        texts("labels_figure"),
        html.figure(drawing, texts("f1"), texts("labels_note")) if rows else "",
        html.table(
            [texts(key) for key in keys],
            body,
            caption=texts("labels_figure"),
            classes=[*[""] * (len(body) - 1), "sum"],
        ),
    )


def _target(target: Mapping[str, Any] | None, texts: Texts) -> Cell:
    if not target:
        return ""
    state = str(target["verdict"])
    said = {"met": "met", "missed": "missed_target", "undecided": "undecided"}
    words = escape(texts(said.get(state, "not_measured")))
    name = state if state in said else "none"
    return Safe(f'{target["target"]:.2f} <b class="{name}">{words}</b>')


def training(run: Run, texts: Texts) -> str:
    """F1 on dev and the training loss, epoch by epoch; nothing where none were trained."""
    epochs = run.metrics.get("epochs") or []
    if not epochs:
        return ""
    drawing = figures.draw_epochs(epochs, texts)
    return html.section(texts("epochs"), html.figure(drawing, texts("epochs_figure")))


def thresholds(run: Run, texts: Texts, found: Mapping[str, Ladder]) -> str:
    """Precision and recall against the threshold, and the table that the slider counts again."""
    drawing = figures.draw_thresholds(steps_of(found), run.threshold, texts)
    start = start_of(run)
    keys = ("label", "precision", "recall", "f1", "correct", "predicted", "mentions")
    slider = (
        f'<div class="controls slide"><label for="slider">{escape(texts("threshold"))}</label>'
        f'<input type="range" id="slider" min="{GRID[0]}" max="{GRID[-1]}" step="100" '
        f'value="{start}"><output id="at" for="slider">{start / TICKS:.2f}</output>'
        f'<button type="button" id="reset">'
        f"{escape(texts('reset', threshold=f'{start / TICKS:.2f}'))}</button></div>"
    )
    everything = [found[label] for label in run.labels]
    return html.section(
        texts("threshold"),
        html.figure(drawing, texts("threshold_figure")),
        slider,
        html.table(
            [texts(key) for key in keys],
            [
                *(_counted(label, [found[label]], start) for label in run.labels),
                _counted(texts("all_labels"), everything, start),
            ],
            caption=texts("threshold"),
            classes=[*[""] * len(run.labels), "sum"],
            body_id="counted",
        ),
        html.paragraph(texts("threshold_note"), "note"),
    )


def _counted(name: str, found: Sequence[Ladder], tick: int) -> list[Cell]:
    counts = [ladder.at(tick) for ladder in found]
    both = sum(counts[1:], counts[0]) if counts else Ladder(0, (), ()).at(tick)
    shares = [f"{one:.3f}" for one in (both.precision, both.recall, both.f1)]
    return [name, *shares, str(both.correct), str(both.predicted), str(both.gold)]


def errors(run: Run, texts: Texts) -> str:
    """What became of every mention and prediction, by label, and which labels are confused."""
    cases = [case for document in run.cases for case in document]
    counts = tally(cases)
    body: list[list[Cell]] = []
    classes: list[str] = []
    for kind in KINDS:
        body.append(_count_row(kind, counts[kind], run.labels, texts))
        classes.append("sum" if kind == "exact" else "")
        for detail, inner in tally_details(cases, kind).items():
            if inner or detail not in SELDOM:
                body.append(_count_row(f"{kind}/{detail}", inner, run.labels, texts))
                classes.append("detail")
    head = [texts("kind"), *run.labels, texts("total")]
    return html.section(
        texts("errors"),
        html.paragraph(texts("errors_note"), "note"),
        html.table(head, body, caption=texts("errors"), classes=classes),
        _confusion(cases, run, texts),
    )


def _count_row(kind: str, counts: Counter[str], labels: Sequence[str], texts: Texts) -> list[Cell]:
    numbers = [(str(place), counts[label]) for place, label in enumerate(labels)]
    numbers.append(("", counts.total()))
    return [
        texts.kind(kind.rpartition("/")[2]),
        *(_jump(kind, label, number) for label, number in numbers),
    ]


def _jump(kind: str, label: str, number: int) -> Cell:
    if not number:
        return "0"
    return Safe(f'<button type="button" data-kind="{kind}" data-label="{label}">{number}</button>')


def _confusion(cases: Sequence[Any], run: Run, texts: Texts) -> str:
    pairs = confusion(cases)
    names: list[str | None] = [*run.labels, None]
    body = [
        [
            gold or texts("none"),
            *(
                "" if gold is predicted is None else str(pairs[gold, predicted])
                for predicted in names
            ),
        ]
        for gold in names
    ]
    head = [texts("gold"), *(name or texts("none") for name in names)]
    caption = texts("confusion")
    return f"<h3>{escape(caption)}</h3>" + html.table(head, body, caption=caption)


def calibration(run: Run, texts: Texts) -> str:
    """Whether the scores say how often they are right."""
    curve = calibrate(
        (one.example for one in run.documents), (one.candidates for one in run.documents)
    )
    if not curve:
        return ""
    said = texts(
        "calibration_note",
        error=f"{expected_error(curve):.3f}",
        count=sum(one.count for one in curve),
    )
    drawing = figures.draw_calibration(curve, texts)
    return html.section(
        texts("calibration"), html.figure(drawing, texts("calibration_figure"), said)
    )


def views(run: Run, texts: Texts) -> str:
    """The same predictions in every other way that people score them, and why they differ."""
    test = run.metrics["test"]
    body: list[list[Cell]] = [
        [
            texts(f"view_{name}"),
            *(f"{test[name][key]:.3f}" for key in ("precision", "recall", "f1")),
            Safe(f'<td class="words">{escape(texts(f"why_{name}"))}</td>'),
        ]
        for name in VIEWS
        if test.get(name)
    ]
    head = ["", texts("precision"), texts("recall"), texts("f1"), ""]
    return html.section(texts("views"), html.table(head, body, caption=texts("views")))


def browser(run: Run, texts: Texts, lacking: int) -> str:
    """The documents with their marks: the script fills the list."""
    legend = "".join(
        f"<span>{html.chip(figures.color_of(run.labels, label), label).html}</span>"
        for label in run.labels
    )
    sample = (
        f'<span><span class="g" style="--g:var(--c0)">{escape(texts("marks_gold"))}</span></span>'
        f'<span><span class="p" style="--p:var(--c0)">{escape(texts("marks_predicted"))}</span>'
        "</span>"
    )
    return html.section(
        texts("documents"),
        f'<p class="legend">{sample}{legend}</p>',
        html.paragraph(texts("left_out", count=lacking), "warning") if lacking else "",
        f"<noscript>{html.paragraph(texts('no_script'))}</noscript>",
        _controls(run, texts),
        '<p id="count" role="status" class="note"></p><div id="list"></div>'
        f'<button type="button" id="more" hidden>{escape(texts("more"))}</button>',
        anchor="documents",
    )


def _controls(run: Run, texts: Texts) -> str:
    named = [("", texts("any_label")), *((str(n), one) for n, one in enumerate(run.labels))]
    kinds = [("", texts("any_kind")), ("error", texts("any_error"))]
    for kind in KINDS:
        kinds.append((kind, texts.kind(kind)))
        kinds += [
            (f"{kind}/{detail}", f"\u2003{texts.kind(detail)}") for detail in DETAILS.get(kind, ())
        ]
    return (
        f'<div class="controls"><label>{escape(texts("search"))}'
        '<input type="search" id="search" autocomplete="off"></label>'
        f'<label>{escape(texts("label"))}<select id="label">{html.options(named)}</select></label>'
        f'<label>{escape(texts("kind"))}<select id="kind">{html.options(kinds)}</select></label>'
        "</div>"
    )


def origin(run: Run, texts: Texts) -> str:
    """How the model was made, as far as the folder records it."""
    record = run.record
    rows = [
        (texts("encoder"), _model(record.get("encoder"))),
        (texts("base_model"), _model(record.get("base"))),
        (texts("splitter"), str((record.get("splitter") or {}).get("name", ""))),
        (texts("max_width"), str(record.get("max_width") or "")),
        (texts("strategy"), str(run.metrics.get("strategy") or "")),
        (texts("version"), str(record.get("encswap") or "")),
        *(
            (texts("checksums", role=role), str(digest))
            for role, digest in (record.get("data") or {}).items()
        ),
    ]
    shown = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in rows if v)
    return html.section(texts("recorded"), f"<dl>{shown}</dl>") if shown else ""


def _model(record: Mapping[str, Any] | None) -> str:
    if not record:
        return ""
    revision = f" @ {record['revision']}" if record.get("revision") else ""
    return f"{record.get('identifier') or record.get('name')}{revision}"
