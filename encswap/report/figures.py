"""The figures of a report, as SVG without a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from encswap.evaluate.thresholds import TICKS, Bin, calibrate
from encswap.report.run_results import Run
from encswap.report.scores import ScoreRow, Step, beside, by_label, ladders, steps_of
from encswap.report.texts import Texts

WIDTH, WIDE, SMALL = 460, 960, 300
"""Widths of a figure in its own units: on a phone or in a file, across a page, one of many."""
CSS = Path(__file__).with_name("assets") / "figures.css"
Point = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` laid out from `start` to `end` in the figure's units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Place a value; one that is outside stands at the border."""
        span = self.high - self.low or 1.0
        share = min(max((value - self.low) / span, 0.0), 1.0)
        return round(self.start + share * (self.end - self.start), 2)


def text(x: float, y: float, words: str, classes: str = "") -> str:
    """Draw a line of text."""
    return f'<text x="{x:g}" y="{y:g}" class="{classes}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, classes: str, *, color: str = "") -> str:
    """Draw a straight line."""
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" '
        f'class="{classes}"{_style("stroke", color)}/>'
    )


def path(points: Sequence[Point], color: str, dash: str = "") -> str:
    """Draw a line through points."""
    steps = " ".join(f"{x:g},{y:g}" for x, y in points)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{steps}" class="line"{_style("stroke", color)}{dashes}/>'


def dot(x: float, y: float, color: str, radius: float = 5) -> str:
    """Draw a filled dot."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}"{_style("fill", color)}/>'


def ring(x: float, y: float, color: str) -> str:
    """Draw an open dot."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="6" class="ring"{_style("stroke", color)}/>'


def bar(x: float, y: float, width: float, color: str) -> str:
    """Draw a horizontal bar."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{max(width, 0.5):g}" height="14" rx="2" '
        f'opacity="0.45"{_style("fill", color)}/>'
    )


def _style(what: str, color: str) -> str:
    return f' style="{what}:var(--{color})"' if color else ""


def share_axis(scale: Scale, left: float, right: float) -> list[str]:
    """Draw horizontal grid lines with their shares on the left."""
    return [
        part
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
        if share <= scale.high + 1e-9
        for part in (
            line(left, scale(share), right, scale(share), "grid"),
            text(left - 6, scale(share) + 4, f"{share:g}", "m e"),
        )
    ]


def figure(
    parts: Sequence[str], height: float, title: str, data: str = "", *, width: float = WIDTH
) -> str:
    """Put parts together to an SVG with a title; `data` are further attributes."""
    words = escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{words}"{data}><title>{words}</title>{"".join(parts)}</svg>'
    )


def standalone(drawing: str) -> str:
    """Give a figure its own styles and ground, so that it stands in a file of its own."""
    style = f"<style>{CSS.read_text(encoding='utf-8')} svg {{ background: var(--bg); }}</style>"
    head, _, rest = drawing.partition("<title>")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{style}<title>{rest}\n'


COLORS = 8
LEFT, MARGIN = 40, 14


@dataclass(frozen=True)
class Drawing:
    """One figure drawn twice, for a page's whole width and for a phone's."""

    wide: str
    narrow: str


def draw(function: Callable[..., str], *arguments: Any, **options: Any) -> Drawing:
    """Draw a figure for both widths of a page."""
    return Drawing(
        function(*arguments, width=WIDE, **options), function(*arguments, width=WIDTH, **options)
    )


def color_of(labels: Sequence[str], label: str) -> str:
    """The colour of a label: the same on the whole page."""
    return f"c{labels.index(label) % COLORS}" if label in labels else "muted"


def draw_rows(
    rows: Sequence[ScoreRow], title: str, *, bars: bool = False, width: float = WIDTH
) -> str:
    """Draw scores from 0 to 1, one below the other: a dot or a bar, its interval, its target."""
    scale = Scale(0, 1, 8, width - 12)
    parts = []
    bottom = 14 + 40 * len(rows)
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts += [line(scale(share), 4, scale(share), bottom, "grid")]
        parts += [text(scale(share), bottom + 16, f"{share:g}", "m c")]
    for place, row in enumerate(rows):
        parts += _row(row, scale, 20 + 40 * place, bars)
    return figure(parts, bottom + 24, title, width=width)


def _row(row: ScoreRow, scale: Scale, top: float, bars: bool) -> list[str]:
    middle = top + 14
    parts = [
        text(scale.start, top, _fit(row.name, scale.end), "b" if row.main else ""),
        text(scale.end, top, f"{row.value:.3f}", "e b" if row.main else "e"),
    ]
    if bars:
        parts.append(bar(scale.start, middle - 7, scale(row.value) - scale.start, row.color))
    if row.interval:
        low, high = row.interval
        parts.append(line(scale(low), middle, scale(high), middle, "range", color=row.color))
    parts.append(dot(scale(row.value), middle, row.color))
    if row.target is not None:
        at = scale(row.target)
        parts.append(line(at, middle - 9, at, middle + 9, "target"))
    return parts


SIGN, VALUE = 8.6, 60
"""Widths of a letter as a phone shows it, and of the number at a row's end."""


def _fit(name: str, width: float) -> str:
    """Cut a row's name where it would run into the number; letters of Hangul count twice."""
    room = int((width - VALUE) / SIGN)
    taken = 0
    for place, letter in enumerate(name):
        taken += 2 if east_asian_width(letter) in "WF" else 1
        if taken > room and place < len(name) - 1:
            return f"{name[:place].rstrip()}…"
    return name


def draw_epochs(epochs: Sequence[Mapping[str, Any]], texts: Texts, *, width: float = WIDTH) -> str:
    """Draw F1 on dev above the training loss; the epoch that was kept has a ring."""
    right = width - MARGIN
    numbers = [int(one["epoch"]) for one in epochs]
    across = Scale(numbers[0], max(numbers[-1], numbers[0] + 1), LEFT + 6, right - 8)
    scores = [float(one["dev_f1"]) for one in epochs]
    losses = [float(one["train_loss"]) for one in epochs]
    upper = Scale(0, 1, 150, 26)
    lower = Scale(0, max(*losses, 1e-9) * 1.05, 282, 196)
    parts = [text(LEFT, 14, texts("dev_f1"), "b"), text(LEFT, 184, texts("train_loss"), "b")]
    parts += share_axis(upper, LEFT, right)
    for value in (0.0, lower.high):
        parts.append(line(LEFT, lower(value), right, lower(value), "grid"))
        parts.append(text(LEFT - 6, lower(value) + 4, f"{value:.3g}", "m e"))
    for scale, values, color in ((upper, scores, "c0"), (lower, losses, "c1")):
        points = [(across(n), scale(v)) for n, v in zip(numbers, values, strict=True)]
        parts.append(path(points, color))
        parts += [dot(x, y, color, 3) for x, y in points]
    chosen = kept_epoch(epochs)
    best = across(numbers[chosen]), upper(scores[chosen])
    parts += [ring(*best, "c0")]
    anchor = "m e" if best[0] > width / 2 else "m"
    shift = -12 if best[0] > width / 2 else 12
    words = f"{texts('chosen')} {scores[chosen]:.3f}"
    parts.append(text(best[0] + shift, min(best[1] + 20, 146), words, anchor))
    step = max(1, len(numbers) // 8)
    parts += [text(across(n), 300, str(n), "m c") for n in numbers[::step]]
    parts.append(text(right, 316, texts("epoch"), "m e"))
    return figure(parts, 322, texts("epochs_figure"), width=width)


def draw_curves(
    curves: Mapping[str, Sequence[Mapping[str, Any]]], texts: Texts, *, width: float = WIDTH
) -> str:
    """Draw F1 on dev by epoch, a line for each run; the epochs that were kept have rings."""
    right, top = width - MARGIN, 20 * len(curves) + 12
    last = max(int(epochs[-1]["epoch"]) for epochs in curves.values())
    across = Scale(1, max(last, 2), LEFT + 6, right - 8)
    upward = Scale(0, 1, top + 170, top)
    parts = share_axis(upward, LEFT, right)
    for place, (name, epochs) in enumerate(curves.items()):
        color, dash = f"c{place % COLORS}", DASHES[place % len(DASHES)]
        points = [(across(int(e["epoch"])), upward(float(e["dev_f1"]))) for e in epochs]
        parts.append(path(points, color, dash))
        parts.append(ring(*points[kept_epoch(epochs)], color))
        parts.append(path([(LEFT, 20 * place + 8), (LEFT + 28, 20 * place + 8)], color, dash))
        parts.append(text(LEFT + 36, 20 * place + 12, name))
    step = max(1, last // 8)
    parts += [text(across(n), top + 188, str(n), "m c") for n in range(1, last + 1, step)]
    parts.append(text(right, top + 204, texts("epoch"), "m e"))
    return figure(parts, top + 210, texts("curves_figure"), width=width)


DASHES = ("", "7 4", "2 4", "9 3 2 3")
"""Patterns of lines, so that no line is told from another by its colour alone."""


def kept_epoch(epochs: Sequence[Mapping[str, Any]]) -> int:
    """Return the place of the epoch that was kept: the best F1 on dev, of equals the first."""
    return max(range(len(epochs)), key=lambda place: (float(epochs[place]["dev_f1"]), -place))


def draw_thresholds(
    steps: Sequence[Step],
    threshold: float,
    texts: Texts,
    *,
    width: float = WIDTH,
    title: str = "",
) -> str:
    """Draw precision, recall and F1 at every threshold; a line marks the one that is shown.

    With a `title` it is one of many: small, without a legend, its title outside.
    """
    right, top = width - MARGIN, 12 if title else 34
    bottom = top + (110 if title else 186)
    across = Scale(steps[0].at / TICKS, steps[-1].at / TICKS, LEFT, right)
    upward = Scale(0, 1, bottom, top)
    parts = share_axis(upward, LEFT, right)
    lines = (("precision", "c0", "7 4"), ("recall", "c1", "2 4"), ("f1", "c2", ""))
    for place, (key, color, dash) in enumerate(lines):
        points = [
            (across(s.at / TICKS), upward(getattr(s.counts, key)))
            for s in steps
            if key != "precision" or s.counts.predicted
        ]
        parts.append(path(points, color, dash))
        if not title:
            left = LEFT + place * 130
            parts.append(path([(left, 12), (left + 28, 12)], color, dash))
            parts.append(text(left + 34, 16, texts(key)))
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        if across.low <= share <= across.high:
            parts.append(text(across(share), bottom + 18, f"{share:g}", "m c"))
    at = across(threshold)
    parts.append(line(at, top - 4, at, bottom, "target marker"))
    data = (
        f' data-low="{across.low}" data-high="{across.high}" data-start="{LEFT}" data-end="{right}"'
    )
    if title:
        return figure(parts, bottom + 24, title, data, width=width)
    parts.append(text(right, bottom + 36, texts("threshold"), "m e"))
    return figure(parts, bottom + 42, texts("threshold_figure"), data, width=width)


def draw_calibration(curve: Sequence[Bin], texts: Texts, *, width: float = WIDTH) -> str:
    """Draw the share that is right against the score; on the dashed line they agree."""
    right = width - MARGIN
    across, upward = Scale(0, 1, LEFT, right), Scale(0, 1, 220, 12)
    parts = share_axis(upward, LEFT, right)
    parts.append(line(across(0), upward(0), across(1), upward(1), "even"))
    points = [(across(one.score), upward(one.right)) for one in curve]
    parts.append(path(points, "c0"))
    parts += [dot(x, y, "c0", 4) for x, y in points]
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(text(across(share), 238, f"{share:g}", "m c"))
    parts.append(text(right, 256, texts("score"), "m e"))
    return figure(parts, 262, texts("calibration_figure"), width=width)


def draw_all(run: Run, texts: Texts) -> dict[str, str]:
    """Draw every figure that the run has numbers for: file name to SVG."""
    drawn = {
        "verdict.svg": draw_rows(beside(run, texts), texts("beside_figure")),
        "thresholds.svg": draw_thresholds(steps_of(ladders(run)), run.threshold, texts),
    }
    if rows := by_label(run):
        drawn["labels.svg"] = draw_rows(rows, texts("labels_figure"), bars=True)
    if epochs := run.metrics.get("epochs"):
        drawn["epochs.svg"] = draw_epochs(epochs, texts)
    documents = run.documents
    if curve := calibrate((d.example for d in documents), (d.candidates for d in documents)):
        drawn["calibration.svg"] = draw_calibration(curve, texts)
    return {name: standalone(drawing) for name, drawing in drawn.items()}
