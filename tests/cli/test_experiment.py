"""`encswap experiment`: what it prints, how it ends, what it refuses before anything runs."""

from __future__ import annotations

import json

import pytest
import yaml
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.experiment import cell as tasks

GOOD = {"layers": ["mini"], "encoders": ["koelectra"], "seeds": [1, 2], "sizes": [50]}
RECIPE = {"scale": "mini", "train": "ko-medical/train.jsonl", "test": "ko-medical/test.jsonl"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(here, **keys):
    values = {**GOOD, "recipe": {**RECIPE, **keys.pop("recipe", {})}, **keys}
    (here / "plan.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return "plan.yaml"


def call(*words):
    return CliRunner().invoke(app, ["experiment", *words])


def numbers(f1):
    return {"f1": f1, "precision": f1, "recall": f1, "interval": [f1, f1]}


def pretend(recipe, path, *rest):
    """A run that only writes what a run writes, and fails with seed 2."""
    if recipe.seed == 2:
        raise MemoryError("no room\nfor it")
    path.mkdir(parents=True)
    scored = {"micro": numbers(0.5), "per_label": {"Drug": numbers(0.5)}}
    compared = {"before_training": scored, "dictionary": scored}
    told = {"test": scored, "dev": scored, "threshold": 0.5, "coverage": 1.0, "epochs": [1]}
    told |= {"stopped": None, "baselines": compared}
    (path / "metrics.json").write_text(json.dumps(told), encoding="utf-8")


def test_a_dry_run_lists_the_cells_and_writes_nothing(here):
    result = call(plan(here), "--dry-run")
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == ["koelectra-surgical-n50-s1", "koelectra-surgical-n50-s2"]
    assert [one.name for one in here.iterdir()] == ["plan.yaml"]


def test_failed_cells_end_with_1_after_the_others(here, monkeypatch):
    monkeypatch.setattr(tasks, "run_recipe", pretend)
    result = call(plan(here), "--format", "json")
    assert result.exit_code == 1
    cells = json.loads(result.stdout)["cells"]
    assert [one["failure"] for one in cells] == [None, "MemoryError: no room for it"]
    assert "1/2 koelectra-surgical-n50-s1: F1 0.500 (" in result.stderr
    assert "2/2 koelectra-surgical-n50-s2: failed: MemoryError: no room for it" in result.stderr
    assert "1 of 2 cells failed; --retry-failed runs them again" in result.stderr
    assert (here / "experiments" / "plan" / "results.md").is_file()

    again = call(plan(here))
    assert again.exit_code == 1 and "2 cells are done, 1 of them failed" in again.stderr
    assert "MemoryError" in again.stdout and "0.500" in again.stdout
    monkeypatch.setattr(
        tasks,
        "run_recipe",
        lambda recipe, *rest: pretend(recipe.model_copy(update={"seed": 1}), *rest),
    )
    assert call(plan(here), "--retry-failed").exit_code == 0


@pytest.mark.parametrize(
    ("keys", "words", "said"),
    [
        ({"encoders": ["koelectr"]}, [], "plan.yaml: unknown encoder 'koelectr'; did you mean"),
        ({"sizes": [5000]}, [], "train.jsonl: has 696 documents, not 5000"),
        ({}, ["--part", "core"], "plan.yaml: has no part 'core'"),
        ({}, ["--ray"], "--ray: Ray is not installed"),
        ({}, ["--out", "plan.yaml"], "plan.yaml: exists and is no experiment"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(here, monkeypatch, keys, words, said):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    result = call(plan(here, **keys), *words)
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("encswap: ") and said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(here.glob("experiments/*/cells"))


def test_an_interrupt_says_how_to_go_on(here, monkeypatch):
    def stops(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tasks, "run_recipe", stops)
    result = call(plan(here))
    assert result.exit_code == 130 and "the same command goes on" in result.stderr
