"""The figures of a report, as SVG without a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from encswap.evaluate.calibration import Bin
from encswap.evaluate.survivors import TICKS
from encswap.report.scores import Row, Step
from encswap.report.svg import (
    WIDTH,
    Scale,
    bar,
    dot,
    figure,
    line,
    path,
    ring,
    share_axis,
    text,
)
from encswap.report.texts import Texts

COLORS = 8
LEFT, RIGHT = 40, WIDTH - 14


def color_of(labels: Sequence[str], label: str) -> str:
    """The colour of a label: the same on the whole page."""
    return f"c{labels.index(label) % COLORS}" if label in labels else "muted"


def draw_rows(rows: Sequence[Row], title: str, *, bars: bool = False) -> str:
    """Draw scores from 0 to 1, one below the other: a dot or a bar, its interval, its target."""
    scale = Scale(0, 1, 8, WIDTH - 12)
    parts = []
    bottom = 14 + 40 * len(rows)
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts += [line(scale(share), 4, scale(share), bottom, "grid")]
        parts += [text(scale(share), bottom + 16, f"{share:g}", "m c")]
    for place, row in enumerate(rows):
        parts += _row(row, scale, 20 + 40 * place, bars)
    return figure(parts, bottom + 24, title)


def _row(row: Row, scale: Scale, top: float, bars: bool) -> list[str]:
    middle = top + 14
    parts = [
        text(scale.start, top, row.name, "b" if row.main else ""),
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


def draw_epochs(epochs: Sequence[Mapping[str, Any]], texts: Texts) -> str:
    """Draw F1 on dev above the training loss; the epoch that was kept has a ring."""
    numbers = [int(one["epoch"]) for one in epochs]
    across = Scale(numbers[0], max(numbers[-1], numbers[0] + 1), LEFT + 6, RIGHT - 8)
    scores = [float(one["dev_f1"]) for one in epochs]
    losses = [float(one["train_loss"]) for one in epochs]
    upper = Scale(0, 1, 150, 26)
    lower = Scale(0, max(*losses, 1e-9) * 1.05, 282, 196)
    chosen = max(range(len(scores)), key=lambda place: (scores[place], -place))
    parts = [text(LEFT, 14, texts("dev_f1"), "b"), text(LEFT, 184, texts("train_loss"), "b")]
    parts += share_axis(upper, LEFT, RIGHT)
    for value in (0.0, lower.high):
        parts.append(line(LEFT, lower(value), RIGHT, lower(value), "grid"))
        parts.append(text(LEFT - 6, lower(value) + 4, f"{value:.3g}", "m e"))
    for scale, values, color in ((upper, scores, "c0"), (lower, losses, "c1")):
        points = [(across(n), scale(v)) for n, v in zip(numbers, values, strict=True)]
        parts.append(path(points, color))
        parts += [dot(x, y, color, 3) for x, y in points]
    best = across(numbers[chosen]), upper(scores[chosen])
    parts += [ring(*best, "c0")]
    anchor = "m e" if best[0] > WIDTH / 2 else "m"
    shift = -12 if best[0] > WIDTH / 2 else 12
    words = f"{texts('chosen')} {scores[chosen]:.3f}"
    parts.append(text(best[0] + shift, min(best[1] + 20, 146), words, anchor))
    step = max(1, len(numbers) // 8)
    parts += [text(across(n), 300, str(n), "m c") for n in numbers[::step]]
    parts.append(text(RIGHT, 316, texts("epoch"), "m e"))
    return figure(parts, 322, texts("epochs_figure"))


def draw_thresholds(steps: Sequence[Step], threshold: float, texts: Texts) -> str:
    """Draw precision, recall and F1 at every threshold; a line marks the one that is shown."""
    across = Scale(steps[0].at / TICKS, steps[-1].at / TICKS, LEFT, RIGHT)
    upward = Scale(0, 1, 220, 34)
    parts = share_axis(upward, LEFT, RIGHT)
    lines = (
        ("precision", "c0", "7 4"),
        ("recall", "c1", "2 4"),
        ("f1", "c2", ""),
    )
    for place, (key, color, dash) in enumerate(lines):
        points = [
            (across(s.at / TICKS), upward(getattr(s.counts, key)))
            for s in steps
            if key != "precision" or s.counts.predicted
        ]
        parts.append(path(points, color, dash))
        left = LEFT + place * 130
        parts.append(path([(left, 12), (left + 28, 12)], color, dash))
        parts.append(text(left + 34, 16, texts(key)))
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        if across.low <= share <= across.high:
            parts.append(text(across(share), 238, f"{share:g}", "m c"))
    parts.append(text(RIGHT, 256, texts("threshold"), "m e"))
    at = across(threshold)
    parts.append(line(at, 30, at, 220, "target").replace("<line", '<line id="marker"'))
    data = (
        f' data-low="{across.low}" data-high="{across.high}" data-start="{LEFT}" data-end="{RIGHT}"'
    )
    return figure(parts, 262, texts("threshold_figure"), data)


def draw_calibration(curve: Sequence[Bin], texts: Texts) -> str:
    """Draw the share that is right against the score; on the dashed line they agree."""
    across, upward = Scale(0, 1, LEFT, RIGHT), Scale(0, 1, 220, 12)
    parts = share_axis(upward, LEFT, RIGHT)
    parts.append(line(across(0), upward(0), across(1), upward(1), "even"))
    points = [(across(one.score), upward(one.right)) for one in curve]
    parts.append(path(points, "c0"))
    parts += [dot(x, y, "c0", 4) for x, y in points]
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(text(across(share), 238, f"{share:g}", "m c"))
    parts.append(text(RIGHT, 256, texts("score"), "m e"))
    return figure(parts, 262, texts("calibration_figure"))
