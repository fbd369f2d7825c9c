"""Several seeds: mean and spread by their definitions, one folder each."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.cli.seeds import spread, summarise_seeds


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
