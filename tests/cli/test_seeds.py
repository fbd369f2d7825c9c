"""Several seeds: mean and spread by their definitions, one folder each."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.cli.seeds import spread, summarise_seeds
from encswap.recipe import dump_recipe, read_recipe


def metrics(f1: float):
    numbers = {"precision": f1, "recall": f1, "f1": f1, "interval": [f1, f1], "support": 9}
    return {
        "test": {"micro": numbers, "per_label": {"Drug": numbers}},
        "targets": {"micro": {"target": 0.5}, "Rare": {"target": 0.4}},
    }


def test_spread_is_the_sample_standard_deviation():
    assert spread([0.4, 0.6])["mean"] == pytest.approx(0.5)
    assert spread([0.4, 0.6])["deviation"] == pytest.approx(0.1414, abs=1e-4)
    assert spread([0.4])["deviation"] is None


def test_a_target_is_judged_by_the_mean():
    summary = summarise_seeds({1: metrics(0.4), 2: metrics(0.7)})
    assert summary["micro"]["mean"] == pytest.approx(0.55)
    assert summary["targets"]["micro"]["reached"]
    assert not summary["targets"]["Rare"]["reached"]


def test_each_seed_is_trained_into_a_folder_of_its_own(monkeypatch, tmp_path):
    trained = []

    def train_run(recipe, out, *, allow_pickle=False):
        trained.append((recipe.seed, out))
        out.mkdir(parents=True)
        return metrics(recipe.seed / 100), out

    monkeypatch.setattr("encswap.cli.train.train_run", train_run)
    command = ["train", "-e", "koelectra", "--scale", "mini", "--seeds", "3", "--set", "seed=50"]
    result = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "runs")])
    assert result.exit_code == 0, result.output
    assert trained == [(seed, tmp_path / "runs" / f"seed-{seed}") for seed in (50, 51, 52)]
    assert "0.510" in result.stdout and "0.010" in result.stdout
    written = json.loads((tmp_path / "runs" / "seeds.json").read_text())
    assert written["seeds"] == [50, 51, 52]


def test_train_takes_the_start_of_rows_as_swap_does(monkeypatch, tmp_path):
    asked = []

    def train_run(recipe, out, **_):
        asked.append(recipe.embeddings)
        return metrics(0.5), out

    monkeypatch.setattr("encswap.cli.train.train_run", train_run)
    command = ["train", "-e", "koelectra", "--scale", "mini", "--embeddings", "mean"]
    result = CliRunner().invoke(app, [*command, "--seeds", "2", "--out", str(tmp_path)])
    assert asked == ["mean", "mean"], result.output


def test_a_seeds_folder_goes_on_with_what_is_missing(monkeypatch, tmp_path):
    root, asked = tmp_path / "runs", []

    def train_run(recipe, out, *, allow_pickle=False, again=None, force=False):
        asked.append((recipe.seed, "resumed" if again else "trained"))
        out.mkdir(parents=True, exist_ok=True)
        if len(asked) == 2:
            (out / "encswap.json").write_text("{}")
            (out / "recipe.yaml").write_text((root / "mini.yaml").read_text())
            raise KeyboardInterrupt
        (out / "metrics.json").write_text(json.dumps(metrics(recipe.seed / 100)))
        return metrics(recipe.seed / 100), out

    monkeypatch.setattr("encswap.cli.train.train_run", train_run)
    monkeypatch.setattr("encswap.train.run_folder.read_manifest", lambda path: None)
    recipe = read_recipe(overrides={"encoder": "koelectra", "seed": 51}, layers=("mini",))
    root.mkdir()
    command = ["train", "-e", "koelectra", "--scale", "mini", "--seeds", "3", "--set", "seed=50"]
    assert "exists" in CliRunner().invoke(app, [*command, "--out", str(tmp_path)]).stderr
    monkeypatch.setattr("encswap.train.run_folder.refuse_taken", lambda path: None)
    (root / "mini.yaml").write_text(dump_recipe(recipe))
    CliRunner().invoke(app, [*command, "--out", str(root)])
    assert asked == [(50, "trained"), (51, "trained")]
    assert not (root / "seeds.json").exists()
    result = CliRunner().invoke(app, ["train", "--resume", str(root)])
    assert result.exit_code == 0, result.output
    assert asked[2:] == [(51, "resumed"), (52, "trained")]
    assert json.loads((root / "seeds.json").read_text())["seeds"] == [50, 51, 52]
    again = CliRunner().invoke(app, ["train", "--resume", str(root)])
    assert again.exit_code == 2 and "is finished" in again.stderr


def test_seeds_that_are_refused_leave_nothing(tmp_path):
    command = ["train", "-e", "koelectra", "--scale", "mini", "--seeds", "2", "--train", "none"]
    result = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "runs")])
    assert result.exit_code == 2 and "no such file" in result.stderr
    assert list(tmp_path.iterdir()) == []
