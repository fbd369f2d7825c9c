"""What the sections of a page hold: tables, figures and lines, without their HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from encswap.evaluate.error_analysis import DETAILS, KINDS, confusion, tally, tally_details
from encswap.evaluate.thresholds import TICKS
from encswap.report import figures
from encswap.report.ability_scores import AbilitySection
from encswap.report.error_groups import ErrorGroup, frequent_errors, large_groups
from encswap.report.page_data import start_of
from encswap.report.rendering import PageCell, PageTable
from encswap.report.rival_scores import rival_rows
from encswap.report.run_results import Run
from encswap.report.scores import VIEWS, Ladder, shares, span, steps_of
from encswap.report.slices import NESTING, SEEN, MentionSlice
from encswap.report.texts import Texts

SELDOM = ("both-ends", "overlapped", "unknown")
"""Details that a table shows only where there are any."""
MOST_CURVES = 24
"""Labels that get threshold curves of their own, those with most gold first."""
DARKEST = 45
"""The strongest ground of a cell in percent, on which its number can still be read."""
Row = list[str | PageCell]


def label_table(run: Run, texts: Texts) -> PageTable:
    """Each label and all of them, with interval, support and target."""
    test, targets = run.metrics["test"], run.metrics.get("targets") or {}
    rows: list[Row] = [
        [
            PageCell(name, chip=figures.color_of(run.labels, name)),
            *shares(numbers, texts),
            str(numbers["support"]),
            _target(targets.get(name), texts),
        ]
        for name, numbers in test["per_label"].items()
    ]
    whole = [*shares(test["micro"], texts), str(test["micro"]["support"])]
    rows.append([texts("all_labels"), *whole, _target(targets.get("micro"), texts)])
    keys = ("label", "precision", "recall", "f1", "interval", "mentions", "target")
    return PageTable(
        texts("labels_figure"),
        [texts(key) for key in keys],
        rows,
        [*[""] * (len(rows) - 1), "sum"],
    )


def _target(target: Mapping[str, Any] | None, texts: Texts) -> PageCell:
    if not target:
        return PageCell("")
    known = {"met": "met", "missed": "missed_target", "undecided": "undecided"}
    state = str(target["verdict"])
    words = texts(known.get(state, "not_measured"))
    return PageCell(f"{target['target']:.2f} {words}", state if state in known else "none")


def threshold_table(run: Run, texts: Texts, found: Mapping[str, Ladder]) -> PageTable:
    """Every label counted at the slider's threshold."""
    start = start_of(run)
    keys = ("label", "precision", "recall", "f1", "correct", "predicted", "mentions")
    everything = [found[label] for label in run.labels]
    return PageTable(
        texts("threshold"),
        [texts(key) for key in keys],
        [
            *(_counted(label, [found[label]], start) for label in run.labels),
            _counted(texts("all_labels"), everything, start),
        ],
        [*[""] * len(run.labels), "sum"],
        body_id="counted",
    )


def _counted(name: str, found: Sequence[Ladder], tick: int) -> Row:
    counts = [ladder.at(tick) for ladder in found]
    both = sum(counts[1:], counts[0]) if counts else Ladder(0, (), ()).at(tick)
    numbers = [f"{one:.3f}" for one in (both.precision, both.recall, both.f1)]
    return [name, *numbers, str(both.correct), str(both.predicted), str(both.gold)]


def label_curves(run: Run, texts: Texts, found: Mapping[str, Ladder]) -> list[tuple[str, str]]:
    """Draw the threshold curve of each label that has gold, after a title with its best threshold.

    Of very many labels those with most gold are drawn.
    """
    ranked = sorted((one for one in run.labels if found[one].gold), key=lambda n: -found[n].gold)
    wanted = set(ranked[:MOST_CURVES])
    drawn = []
    for label in (one for one in run.labels if one in wanted):
        steps = steps_of({label: found[label]})
        best = max(steps, key=lambda step: (step.counts.f1, step.at))
        title = texts(
            "label_curve", label=label, f1=f"{best.counts.f1:.3f}", at=f"{best.at / TICKS:.2f}"
        )
        drawing = figures.draw_thresholds(
            steps, run.threshold, texts, width=figures.SMALL, title=title
        )
        drawn.append((title, drawing))
    return drawn


def error_table(run: Run, texts: Texts) -> PageTable:
    """What became of every mention and prediction, by label."""
    cases = [case for document in run.cases for case in document]
    counts = tally(cases)
    rows: list[Row] = []
    names: list[str] = []
    for kind in KINDS:
        rows.append(_count_row(kind, counts[kind], run.labels, texts))
        names.append("sum" if kind == "exact" else "")
        for detail, inner in tally_details(cases, kind).items():
            if detail not in SELDOM or inner.total():
                rows.append(_count_row(f"{kind}/{detail}", inner, run.labels, texts))
                names.append("detail")
    head = [texts("kind"), *run.labels, texts("total")]
    return PageTable(texts("errors"), head, rows, names)


def _count_row(kind: str, counts: Mapping[str, int], labels: Sequence[str], texts: Texts) -> Row:
    numbers = [(str(place), counts.get(label, 0)) for place, label in enumerate(labels)]
    numbers.append(("", sum(counts.values())))
    return [
        texts.kind(kind.rpartition("/")[2]),
        *(
            PageCell(str(number), kind=kind, label=label) if number else "0"
            for label, number in numbers
        ),
    ]


def confusion_table(run: Run, texts: Texts) -> PageTable:
    """Gold label against predicted label; the ground is the darker, the larger the row's share."""
    pairs = confusion(case for document in run.cases for case in document)
    names: list[str | None] = [*run.labels, None]
    rows: list[Row] = []
    for gold in names:
        total = sum(pairs[gold, predicted] for predicted in names)
        cells = [
            PageCell("") if gold is predicted is None else _shaded(pairs[gold, predicted], total)
            for predicted in names
        ]
        rows.append([gold or texts("none"), *cells])
    head = [texts("gold_by_predicted"), *(name or texts("none") for name in names)]
    return PageTable(texts("confusion"), head, rows)


def _shaded(count: int, total: int) -> PageCell:
    if not count:
        return PageCell("0", "zero")
    return PageCell(str(count), "shaded", shade=max(4, round(DARKEST * count / total)))


def frequent_table(run: Run, texts: Texts) -> PageTable:
    """The errors that were made most often."""
    rows: list[Row] = [
        [
            texts.kind(one.kind),
            PageCell(_side(one.gold, one.gold_label, texts), "words"),
            PageCell(_side(one.predicted, one.predicted_label, texts), "words"),
            str(one.times),
            str(one.documents),
        ]
        for one in frequent_errors(run)
    ]
    keys = ("kind", "gold", "marks_predicted", "times", "documents")
    return PageTable(texts("frequent"), [texts(key) for key in keys], rows)


def _side(text: str, label: str, texts: Texts) -> str:
    if not label:
        return texts("none")
    return f"“{text}” {label}" if text else label


def advice(run: Run, texts: Texts) -> list[tuple[str, str]]:
    """A heading and a sentence of what to try next for each large group of errors."""
    return [(_group(one, texts), texts(f"try_{one.name}")) for one in large_groups(run)]


def _group(one: ErrorGroup, texts: Texts) -> str:
    kind = texts.kind(one.kind)
    name = f"{kind} · {texts.kind(one.detail)}" if one.detail else kind
    return texts("error_group", name=name, count=one.count, share=f"{one.share:.0%}")


def slice_table(slices: Sequence[MentionSlice], texts: Texts) -> PageTable:
    """Recall of each slice with its interval; the missed ones open their documents."""
    rows: list[Row] = []
    names: list[str] = []
    for place, one in enumerate(slices):
        if not place or slices[place - 1].aspect != one.aspect:
            rows.append([texts(f"aspect_{one.aspect}")])
            names.append("group")
        missed = PageCell(str(one.missed), part=str(place)) if one.missed else "0"
        rows.append(
            [slice_name(one, texts), f"{one.recall:.3f}", span(one.interval), str(one.support)]
        )
        rows[-1].append(missed)
        names.append("detail")
    keys = ("mentions_that", "recall", "interval", "mentions", "not_found")
    return PageTable(texts("slices"), [texts(key) for key in keys], rows, names)


def slice_name(one: MentionSlice, texts: Texts) -> str:
    """Name a slice by its aspect's value or range."""
    low, high = one.bounds
    if one.aspect in (SEEN, NESTING):
        return texts(f"{one.aspect}_{'yes' if low else 'no'}")
    if high is None:
        return texts(f"{one.aspect}_from", low=low)
    if low == high:
        return texts(f"{one.aspect}_at", low=low)
    return texts(f"{one.aspect}_range", low=low, high=high)


def view_table(run: Run, texts: Texts) -> PageTable:
    """The same predictions in every other way that people score them, and why they differ."""
    test = run.metrics["test"]
    rows: list[Row] = [
        [
            texts(f"view_{name}"),
            *(f"{test[name][key]:.3f}" for key in ("precision", "recall", "f1")),
            PageCell(texts(f"why_{name}"), "words"),
        ]
        for name in VIEWS
        if test.get(name)
    ]
    head = [texts("view"), *(texts(key) for key in ("precision", "recall", "f1", "why"))]
    return PageTable(texts("views"), head, rows)


def rival_table(run: Run, texts: Texts) -> PageTable:
    """Each rival with the paired difference and what it costs."""
    head, *rows = rival_rows(run, texts)
    return PageTable(texts("rivals"), head, rows)


def ability_table(one: AbilitySection, texts: Texts) -> PageTable:
    """A table of what the model can do besides its labels."""
    rows: list[Row] = [
        [PageCell(cell, "words") if 0 < n < one.words else cell for n, cell in enumerate(row)]
        for row in one.rows[1:]
    ]
    return PageTable(texts(one.name), one.rows[0], rows)


def kind_options(texts: Texts) -> list[tuple[str, str]]:
    """The kinds of error that documents can be filtered by."""
    kinds = [("", texts("any_kind")), ("error", texts("any_error"))]
    for kind in KINDS:
        kinds.append((kind, texts.kind(kind)))
        kinds += [
            (f"{kind}/{detail}", f"\u2003{texts.kind(detail)}") for detail in DETAILS.get(kind, ())
        ]
    return kinds


def label_options(run: Run, texts: Texts) -> list[tuple[str, str]]:
    """The labels that documents can be filtered by."""
    return [("", texts("any_label")), *((str(n), one) for n, one in enumerate(run.labels))]


def slice_options(slices: Sequence[MentionSlice], texts: Texts) -> list[tuple[str, str]]:
    """The slices that documents can be filtered by: those that lack one of its mentions."""
    return [
        ("", texts("any_slice")),
        *(
            (str(place), f"{texts(f'aspect_{one.aspect}')}: {slice_name(one, texts)}")
            for place, one in enumerate(slices)
            if one.missed
        ),
    ]
