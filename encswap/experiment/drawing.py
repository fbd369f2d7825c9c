"""The figure: F1 against training size, a line per strategy, a panel per encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from encswap.experiment.results import varying
from encswap.report.svg import Scale, dot, figure, line, path, share_axis, standalone, text

PANEL, HEIGHT, GAP, TOP, LEFT, BOTTOM = 300, 210, 44, 62, 40, 42
COLUMNS = 3
STEP = HEIGHT + BOTTOM + 30
LEGEND = 136
DODGE = 4
OWN = ("strategy", "size", "seed")
DASHES = ("", "7 4", "2 4", "9 3 2 3")
MEANING = "mean test F1 with its 95% t interval over seeds"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Axes:
    """What all panels share: the strategies by colour, the sizes, and what `all` stands for."""

    strategies: Sequence[str]
    sizes: Sequence[int]
    largest: int

    def size(self, condition: Row) -> int:
        """The count of a condition's training documents."""
        size = condition["settings"]["size"]
        return self.largest if size == "all" else int(size)


def draw(conditions: Sequence[Row], largest: int) -> str:
    """Draw conditions as an SVG file; `largest` is the count of all training documents."""
    scored = [one for one in conditions if "f1" in one]
    strategies = list(dict.fromkeys(one["settings"]["strategy"] for one in conditions))
    axes = Axes(strategies, (), largest)
    axes = replace(axes, sizes=sorted({axes.size(one) for one in scored}))
    panels = _panels(scored)
    columns = min(COLUMNS, max(len(panels), 1))
    parts = _legend(strategies)
    for place, (title, rows) in enumerate(panels.items()):
        corner = LEFT + place % columns * (PANEL + GAP), TOP + place // columns * STEP
        parts += _panel(title, rows, axes, *corner)
    width = max(LEFT + columns * (PANEL + GAP) - GAP + 10, LEFT + LEGEND * len(strategies))
    height = TOP + math.ceil(max(len(panels), 1) / columns) * STEP + 4
    parts.append(text(LEFT, height - 8, MEANING, "m"))
    return standalone(figure(parts, height, "F1 by training documents and strategy", width=width))


def _panels(conditions: Sequence[Row]) -> dict[str, list[Row]]:
    """Conditions by encoder and by what else varies, unless the size alone decides it."""
    keys = [key for key in varying(conditions) if key not in OWN]
    keys = [key for key in keys if not _follows_size(key, conditions)] or ["encoder"]
    panels: dict[str, list[Row]] = {}
    for one in conditions:
        values = {key: str(one["settings"].get(key)) for key in keys}
        parts = [value if key == "encoder" else f"{key} {value}" for key, value in values.items()]
        panels.setdefault(", ".join(parts), []).append(one)
    return panels


def _follows_size(key: str, conditions: Sequence[Row]) -> bool:
    """Whether all conditions of a size have one value, such as more epochs for fewer documents."""
    pairs = {(str(one["settings"]["size"]), str(one["settings"].get(key))) for one in conditions}
    return len(pairs) == len({size for size, _ in pairs})


def _legend(strategies: Sequence[str]) -> list[str]:
    parts = []
    for place, name in enumerate(strategies):
        left = LEFT + place * LEGEND
        parts.append(path([(left, 14), (left + 28, 14)], f"c{place}", DASHES[place % len(DASHES)]))
        parts.append(text(left + 34, 18, name))
    return parts


def _panel(title: str, rows: Sequence[Row], axes: Axes, left: float, top: float) -> list[str]:
    right, bottom = left + PANEL - 8, top + HEIGHT
    upward = Scale(0, 1, bottom, top)
    low, high = math.log(axes.sizes[0]), math.log(axes.sizes[-1])
    across = Scale(low, high, left + 22, right - 22)
    if low == high:
        across = Scale(low - 1, low + 1, left, right)
    parts = [text(left, top - 14, title, "b"), *share_axis(upward, left, right)]
    for size in axes.sizes:
        parts.append(text(across(math.log(size)), bottom + 18, str(size), "m c"))
    parts.append(text(right, bottom + 36, "training documents", "m e"))
    for place, strategy in enumerate(axes.strategies):
        own = [one for one in rows if one["settings"]["strategy"] == strategy]
        shift = (place - (len(axes.strategies) - 1) / 2) * DODGE
        parts += _strategy(
            sorted((across(math.log(axes.size(one))) + shift, one["f1"]["mean"]) for one in own),
            [(across(math.log(axes.size(one))) + shift, one["f1"]) for one in own],
            upward,
            place,
        )
    return parts


def _strategy(
    means: Sequence[tuple[float, float]],
    intervals: Sequence[tuple[float, Row]],
    upward: Scale,
    place: int,
) -> list[str]:
    """A line through the means with their intervals; the place chooses colour and dashes."""
    color, points = f"c{place}", [(x, upward(mean)) for x, mean in means]
    parts = [
        line(x, upward(one["low"]), x, upward(one["high"]), "thin", color=color)
        for x, one in intervals
        if one["low"] is not None
    ]
    if len(points) > 1:
        parts.append(path(points, color, DASHES[place % len(DASHES)]))
    return parts + [dot(x, y, color, 3.5) for x, y in points]
