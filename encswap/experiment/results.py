"""What came out of a grid: every cell, means over seeds by condition, strategies compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

from encswap import __version__
from encswap.experiment.grid import Grid
from encswap.experiment.student import holm, mean_of, paired
from encswap.experiment.task import read_result

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
        yield told


def pairs_of(rows: Sequence[Row]) -> list[Row]:
    """Every two strategies on the same encoder, size and seeds, all else equal."""
    found = []
    for settings, same in _grouped(rows, ("seed", "strategy")):
        by_strategy: dict[str, dict[int, float]] = {}
        for row in same:
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
