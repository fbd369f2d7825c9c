"""What came out of a grid: every cell, means over seeds by condition, strategies compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

from encswap import __version__
from encswap.escaping import markdown, markdown_table, number_rules
from encswap.experiment.cell import read_result
from encswap.experiment.grid import Grid
from encswap.experiment.statistics import holm, mean_of, paired
from encswap.files import write_json, write_text
from encswap.report.figures import Scale, dot, figure, line, path, share_axis, standalone, text
from encswap.train.run_folder import explain_write_errors

TEST = "paired t test over seeds, two-sided; p adjusted for all pairs of this table (Holm)"
Row = dict[str, Any]


def results_of(grid: Grid, plan: str, part: str | None) -> Row:
    """Everything that `results.json` holds."""
    rows = [
        {"name": t.name, "settings": dict(t.settings), **_row(read_result(t))} for t in grid.tasks
    ]
    return {
        "encswap": __version__,
        "plan": plan,
        "part": part,
        "cells": rows,
        "conditions": list(conditions_of(rows)),
        "pairs": pairs_of(rows),
        "test": TEST,
    }


def _row(found: Mapping[str, Any]) -> Row:
    """One cell; a cell that has not run has neither score nor failure."""
    if "failure" in found:
        return {"failure": found["failure"]["error"], "seconds": found["failure"]["seconds"]}
    if "metrics" not in found:
        return {"failure": None, "f1": None}
    metrics = found["metrics"]
    test, dev, compared = metrics["test"], metrics["dev"], metrics["baselines"]
    return {
        "failure": None,
        "f1": test["micro"]["f1"],
        "interval": test["micro"]["interval"],
        "precision": test["micro"]["precision"],
        "recall": test["micro"]["recall"],
        "per_label": {
            label: numbers["f1"]
            for label, numbers in test["per_label"].items()
            if numbers.get("support") != 0
        },
        "dev_f1": dev["micro"]["f1"],
        "threshold": metrics["threshold"],
        "coverage": metrics["coverage"],
        "epochs": len(metrics["epochs"]),
        "stopped": metrics["stopped"],
        "before_training": compared["before_training"]["micro"]["f1"],
        "dictionary": compared["dictionary"]["micro"]["f1"],
        "rivals": {
            name: one["micro"]["f1"]
            for name, one in (metrics.get("rivals") or {}).items()
            if "error" not in one
        },
        "seconds": found.get("cell", {}).get("seconds"),
    }


def conditions_of(rows: Sequence[Row]) -> Iterator[Row]:
    """Cells that differ by seed alone, as mean and 95% t interval."""
    for settings, same in _grouped(rows, ("seed",)):
        scored = [row for row in same if row.get("f1") is not None]
        told: Row = {
            "settings": settings,
            "seeds": [row["settings"]["seed"] for row in scored],
            "failed": sum(row["failure"] is not None for row in same),
        }
        if scored:
            tables = [row["per_label"] for row in scored]
            labels = list(dict.fromkeys(label for scores in tables for label in scores))
            told["f1"] = asdict(mean_of([row["f1"] for row in scored]))
            told["per_label"] = {
                label: asdict(
                    mean_of([r["per_label"][label] for r in scored if label in r["per_label"]])
                )
                for label in labels
            }
            told["before_training"] = asdict(mean_of([row["before_training"] for row in scored]))
            theirs = [row.get("rivals", {}) for row in scored]
            told["rivals"] = {
                name: asdict(mean_of([one[name] for one in theirs if name in one]))
                for name in dict.fromkeys(name for one in theirs for name in one)
            }
        yield told


def pairs_of(rows: Sequence[Row]) -> list[Row]:
    """Every two strategies on the same encoder, size and seeds, all else equal.

    Strategy keep has no encoder of its own, so it is compared with the swap of each.
    """
    found = []
    kept = [row for row in rows if row["settings"]["strategy"] == "keep"]
    swapped = [row for row in rows if row not in kept]
    for settings, same in _grouped(swapped, ("seed", "strategy")):
        by_strategy: dict[str, dict[int, float]] = {}
        beside = [row for row in kept if _all_else(row["settings"]) == _all_else(settings)]
        for row in (*same, *beside):
            if row.get("f1") is not None:
                own = row["settings"]
                by_strategy.setdefault(own["strategy"], {})[own["seed"]] = row["f1"]
        for first, second in combinations(by_strategy, 2):
            one, two = by_strategy[first], by_strategy[second]
            seeds = [seed for seed in one if seed in two]
            if seeds:
                difference = asdict(paired([two[seed] - one[seed] for seed in seeds]))
                names = {"first": first, "second": second, "seeds": seeds}
                found.append({"settings": settings, **names, **difference})
    tested = [pair for pair in found if pair["p"] is not None]
    for pair, adjusted in zip(tested, holm([pair["p"] for pair in tested]), strict=True):
        pair["p_adjusted"] = adjusted
    return found


def _all_else(settings: Row) -> Row:
    return {k: v for k, v in settings.items() if k not in ("seed", "strategy", "encoder")}


def _grouped(rows: Sequence[Row], without: Sequence[str]) -> Iterator[tuple[Row, list[Row]]]:
    """Rows with equal settings but for those named, in the order in which they first stand."""
    groups: dict[str, tuple[Row, list[Row]]] = {}
    for row in rows:
        settings = {key: value for key, value in row["settings"].items() if key not in without}
        groups.setdefault(repr(settings), (settings, []))[1].append(row)
    yield from groups.values()


def varying(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings that are not the same in all rows, in their order."""
    keys = list(dict.fromkeys(key for row in rows for key in row["settings"]))
    return [key for key in keys if len({repr(row["settings"].get(key)) for row in rows}) > 1]


PANEL, HEIGHT, GAP, TOP, LEFT, BOTTOM = 300, 210, 44, 62, 40, 42
COLUMNS = 3
STEP = HEIGHT + BOTTOM + 30
LEGEND = 136
DODGE = 4
OWN = ("strategy", "size", "seed")
DASHES = ("", "7 4", "2 4", "9 3 2 3")
MEANING = "mean test F1 with its 95% t interval over seeds"
Condition = Mapping[str, Any]


@dataclass(frozen=True)
class Axes:
    """What all panels share: the strategies by colour, the sizes, and what `all` stands for."""

    strategies: Sequence[str]
    sizes: Sequence[int]
    largest: int

    def size(self, condition: Condition) -> int:
        """The count of a condition's training documents."""
        size = condition["settings"]["size"]
        return self.largest if size == "all" else int(size)


def draw(conditions: Sequence[Condition], largest: int) -> str:
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


def _panels(conditions: Sequence[Condition]) -> dict[str, list[Condition]]:
    """Conditions by encoder and by what else varies, unless the size alone decides it."""
    keys = [key for key in varying(conditions) if key not in OWN]
    keys = [key for key in keys if not _follows_size(key, conditions)] or ["encoder"]
    panels: dict[str, list[Condition]] = {}
    for one in conditions:
        values = {key: str(one["settings"].get(key)) for key in keys}
        parts = [value if key == "encoder" else f"{key} {value}" for key, value in values.items()]
        panels.setdefault(", ".join(parts), []).append(one)
    return panels


def _follows_size(key: str, conditions: Sequence[Condition]) -> bool:
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


def _panel(title: str, rows: Sequence[Condition], axes: Axes, left: float, top: float) -> list[str]:
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
    intervals: Sequence[tuple[float, Condition]],
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


TableRow = Mapping[str, Any]
Table = list[Sequence[str]]


def condition_table(results: TableRow) -> Table:
    """A row per condition: mean test F1 over seeds, its interval, each label's mean."""
    rows = results["conditions"]
    keys = _keys(rows)
    labels = list(dict.fromkeys(label for one in rows for label in one.get("per_label", {})))
    rivals = list(dict.fromkeys(name for one in rows for name in one.get("rivals", {})))
    table: Table = [
        [*keys, "seeds", "F1", "95% interval", *(f"rival {name}" for name in rivals), *labels]
    ]
    for one in rows:
        cells = [_said(one["settings"].get(key)) for key in keys]
        count = str(len(one["seeds"])) + (f" ({one['failed']} failed)" if one["failed"] else "")
        scores = one.get("per_label", {})
        means = [f"{scores[label]['mean']:.3f}" if label in scores else "" for label in labels]
        f1, theirs = one.get("f1"), one.get("rivals", {})
        beside = [f"{theirs[name]['mean']:.3f}" if name in theirs else "" for name in rivals]
        table.append(
            [*cells, count, f"{f1['mean']:.3f}" if f1 else "", _interval(f1), *beside, *means]
        )
    return table


def pair_table(results: TableRow) -> Table:
    """A row per two strategies: the mean difference of the second to the first."""
    rows = results["pairs"]
    keys = _keys(rows)
    table: Table = [[*keys, "strategies", "seeds", "difference", "95% interval", "p", "p adjusted"]]
    for one in rows:
        p, adjusted = one["p"], one.get("p_adjusted")
        table.append(
            [
                *(_said(one["settings"].get(key)) for key in keys),
                f"{one['first']} → {one['second']}",
                str(one["n"]),
                f"{one['mean']:+.3f}",
                _interval(one, signed=True),
                "" if p is None else f"{p:.3g}",
                "" if adjusted is None else f"{adjusted:.3g}",
            ]
        )
    return table


def failure_table(results: TableRow) -> Table:
    """A row per cell that failed."""
    failed = [one for one in results["cells"] if one["failure"]]
    return [["cell", "failed with"], *([one["name"], one["failure"]] for one in failed)]


def markdown_of(results: TableRow) -> str:
    """All tables as Markdown, with what the numbers mean."""
    part = f", part {results['part']}" if results["part"] else ""
    parts = [
        f"# {markdown(results['plan'])}{markdown(part)}",
        f"Written by encswap {results['encswap']}. F1 is of exact spans on the test documents, all "
        "labels together. Intervals are t intervals over seeds: they say how training varies, not "
        "how other test documents would.",
        _markdown(condition_table(results)),
        "![F1 by training documents and strategy](results.svg)",
        "## Strategies compared",
        f"The second less the first; {results['test']}.",
        _markdown(pair_table(results)),
    ]
    if len(failed := failure_table(results)) > 1:
        parts += ["## Failed", _markdown(failed)]
    return "\n\n".join(parts) + "\n"


def _markdown(table: Table) -> str:
    return markdown_table(table, number_rules(len(table[0])))


def _keys(rows: Sequence[TableRow]) -> list[str]:
    """What tells conditions apart: the encoder always, else what varies."""
    return list(dict.fromkeys(["encoder", *varying(rows)]))


def _said(value: Any) -> str:
    return "" if value is None else str(value)


def _interval(numbers: TableRow | None, *, signed: bool = False) -> str:
    if numbers is None or numbers["low"] is None:
        return ""
    if signed:
        return f"{numbers['low']:+.3f} … {numbers['high']:+.3f}"
    return f"{numbers['low']:.3f}–{numbers['high']:.3f}"


def write_results(grid: Grid, plan: str, part: str | None) -> dict[str, Any]:
    """Write what came out of the grid so far, over what stood there, and return it."""
    results = results_of(grid, plan, part)
    largest = max(grid.documents[str(task.recipe.train)] for task in grid.tasks)
    with explain_write_errors(grid.out):
        write_json(grid.out / "results.json", results)
        for name, text in (
            ("results.md", markdown_of(results)),
            ("results.svg", draw(results["conditions"], largest)),
        ):
            write_text(grid.out / name, text)
    return results
