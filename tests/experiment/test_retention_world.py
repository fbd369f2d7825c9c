"""The small world of retention: its documents, its plans, and the page that its results write."""

from __future__ import annotations

import importlib
import json
import random
import sys
from pathlib import Path

import pytest
import yaml

from encswap.data.readers import read_examples
from encswap.data.tasks import schema_of, tasks_of
from encswap.recipe import read_recipe
from encswap.types import labels_of

ROOT = Path(__file__).parents[2]
MODULES = ("texts", "page", "run")


@pytest.fixture(scope="module")
def room():
    """The modules of benchmarks/retention, as its scripts import them."""
    sys.path.insert(0, str(ROOT / "benchmarks" / "retention"))
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.pop(0)
        for name in MODULES:
            sys.modules.pop(name, None)


def test_the_world_s_records_are_read_whole_with_all_four_tasks(room, tmp_path):
    path = tmp_path / "world.jsonl"
    room["texts"].write_records(path, 60, 1)
    examples = read_examples(path)
    assert len(labels_of(examples)) == 12
    assert all(not one.unlocated for one in examples)
    schema = schema_of(examples)
    assert set(schema.classifications) == {"주제", "어조"} and set(schema.relations) == {
        "근무",
        "방문",
    }
    assert all(value.spans for one in examples for _, value in tasks_of(one).values)


def test_what_is_tuned_on_shares_no_label_with_what_is_kept(room):
    draw = random.Random(0)
    tuned = set(room["texts"].medical(draw, "a")["output"]["entities"])
    assert len(tuned) == 4 and not tuned & set(room["texts"].NAMES)


@pytest.mark.parametrize("plan", ["keeping", "held-out"])
def test_each_way_of_a_plan_is_a_recipe(room, plan, tmp_path):
    found = yaml.safe_load(room["run"].CELLS.read_text(encoding="utf-8"))["plans"][plan]
    recipes = [
        room["run"].recipe_of({**found["shared"], **change}, tmp_path, found["start"], 1)
        for change in found["ways"].values()
    ]
    assert recipes[0].model_dump() != recipes[1].model_dump()
    assert all(one.strategy == "keep" for one in recipes)
    assert isinstance(read_recipe(), type(recipes[0]))


def test_results_that_several_processes_write_hold_the_cells_of_all(room, tmp_path):
    path = tmp_path / "found.json"
    room["run"].written(path, {"plan": "x"}, cells={"b": {"f1": 1.0}})
    room["run"].written(path, cells={"a": {"f1": 0.5}})
    assert list(json.loads(path.read_text())["cells"]) == ["a", "b"]
    assert room["run"].written(path)["plan"] == "x"


def test_a_way_is_compared_with_plain_tuning_seed_by_seed(room):
    page = room["page"]
    cells = {
        f"{way}-s{seed}": {"way": way, "seed": seed, "f1": 0.5 + seed / 100 + gain}
        for way, gain in (("plain", 0.0), ("replay", 0.1))
        for seed in (1, 2, 3)
    }
    cells["replay-s4"] = {"way": "replay", "seed": 4, "failure": "lost"}
    told = page.effects({"cells": cells}, {"tuned labels": lambda cell: cell["f1"]})
    assert "| with `replay` | tuned labels | 3 | +0.100 |" in told and "higher" in told


def test_the_page_is_what_the_committed_results_say(room):
    page = room["page"]
    held = page.PAGE.read_text(encoding="utf-8")
    assert page.written(held) == held, "run benchmarks/retention/page.py"
