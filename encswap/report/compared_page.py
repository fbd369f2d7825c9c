"""Several runs on one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from encswap import __version__
from encswap.report import figures, html
from encswap.report.comparing import Pair, difference_rows, name_apart, score_rows
from encswap.report.page import head
from encswap.report.reading import Run
from encswap.report.scores import Row, warnings_of
from encswap.report.texts import Texts


def write_compared(runs: Sequence[Run], pairs: Sequence[Pair], texts: Texts) -> str:
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
        drawn.append(Row(name, numbers["f1"], (float(low), float(high))))
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


def _differences(pairs: Sequence[Pair], texts: Texts) -> str:
    top, *rows = difference_rows(pairs, texts)
    return html.section(
        texts("differences"),
        html.table(top, rows, caption=texts("differences")),
        html.paragraph(texts("differences_note"), "note"),
    )
