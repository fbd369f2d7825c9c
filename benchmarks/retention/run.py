"""Tune with each way of keeping, over seeds, and score what was tuned and what was kept.

    python benchmarks/retention/world.py --out world
    python benchmarks/retention/run.py --world world

A cell that is done is skipped; the raw results are written after each, so that several processes
may share the seeds. Retention is scored on the
world's `kept.jsonl`, which nothing is trained on, at gliner2's own threshold.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from encswap import __version__
from encswap.cli.progress import quiet_libraries
from encswap.data.readers import read_examples
from encswap.data.units import CachedSplitter
from encswap.evaluate.retention import TASKS, Asked, measure_retention, task_score
from encswap.experiment.cell import Task, read_result, run_task, state_of
from encswap.files import locked, write_json
from encswap.gliner.model import read_model
from encswap.plugins import load_plugins
from encswap.recipe import Recipe, read_recipe

CELLS = Path(__file__).with_name("cells.yaml")
RESULTS = Path(__file__).parents[1] / "results" / "retention"
FILES = ("train", "test", "replay", "distill_texts")


def recipe_of(settings: Mapping[str, Any], world: Path, start: str, seed: int) -> Recipe:
    """The recipe of a cell; the names of its files are those of the world."""
    data = world / "data"
    given = dict(settings)
    for key in FILES:
        if key in given:
            given[key] = str(data / given[key])
    if "distill_labels" in given:
        given["distill_labels"] = [str(data / name) for name in given["distill_labels"]]
    overrides = {**given, "base": str(world / start), "seed": seed}
    return read_recipe(overrides=overrides, layers=("mini",))


def kept_of(folder: Path, world: Path) -> dict[str, Any]:
    """What a model scores on each ability, and its counts of entities by document."""
    splitter = CachedSplitter(load_plugins().splitter("whitespace"))
    asked = Asked(read_model(folder, splitter=splitter), splitter, 512)
    sets = {"kept": read_examples(world / "data" / "kept.jsonl")}
    found = measure_retention(asked, sets, seed=1)["kept"]
    return {task: task_score(found["scores"], task) for task in TASKS}


def measured(task: Task, world: Path) -> dict[str, Any]:
    """What is kept of a cell."""
    found = read_result(task)
    if "failure" in found:
        return {"failure": found["failure"]["error"]}
    metrics = found["metrics"]
    return {
        "f1": metrics["test"]["micro"]["f1"],
        "kept": kept_of(task.folder / "checkpoint", world),
        "epochs": len(metrics["epochs"]),
        **({"held_out": held["micro"]["f1"]} if (held := metrics.get("held_out")) else {}),
        "share": (metrics.get("average_with_start") or {}).get("share"),
    }


def main() -> None:
    """Run the cells."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--world", type=Path, default=Path("world"))
    parser.add_argument("--plan", default="keeping", help="a plan of cells.yaml")
    parser.add_argument("--seeds", type=int, nargs="+", help="default: those of cells.yaml")
    parser.add_argument("--results", type=Path, help="default: the committed file of the plan")
    options = parser.parse_args()
    quiet_libraries()
    world, table = options.world, yaml.safe_load(CELLS.read_text(encoding="utf-8"))
    plan, start = table["plans"][options.plan], table["plans"][options.plan]["start"]
    results = options.results or RESULTS / f"{options.plan}.json"
    results.parent.mkdir(parents=True, exist_ok=True)
    told = {"encswap": __version__, "plan": options.plan, **plan}
    known = written(results, told)
    for name in ("base", "untaught", "swapped"):
        if name not in known.get("models", {}):
            written(results, models={name: kept_of(world / name, world)})
    for seed in options.seeds or table["seeds"]:
        for way, change in plan["ways"].items():
            name = f"{way}-s{seed}"
            if name in written(results).get("cells", {}):
                continue
            recipe = recipe_of({**plan["shared"], **change}, world, start, seed)
            folder = world / "cells" / options.plan / name
            task = Task(name, {"way": way, "seed": seed}, recipe, folder, keep_checkpoint=True)
            began = time.monotonic()
            if state_of(task.folder) != "done":
                run_task(task)
            found = {"way": way, "seed": seed, **measured(task, world)}
            written(results, cells={name: found})
            said = json.dumps(found, ensure_ascii=False)
            print(f"{name}: {time.monotonic() - began:.0f} s, {said}", file=sys.stderr, flush=True)


def written(path: Path, told: Mapping[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    """Add to the results, which several processes may write; returns all of them."""
    with locked(path.with_name(f".{path.name}.lock"), wait=True):
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        known |= told or {}
        for key, part in parts.items():
            known[key] = dict(sorted({**known.get(key, {}), **part}.items()))
        if told or parts:
            write_json(path, known)
    return dict(known)


if __name__ == "__main__":
    main()
