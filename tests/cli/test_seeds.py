"""Several seeds: mean and spread by their definitions, one folder each."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.experiment.seeds import spread, summarise_seeds
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


@pytest.fixture(scope="module")
def trained(tmp_path_factory, base_folder):
    """A folder of two seeds that were really trained, for one epoch on few documents."""
    from encswap.data.input import find_data

    root = tmp_path_factory.mktemp("seeds")
    for role, count in (("train", 24), ("test", 6)):
        lines = find_data(f"ko-medical/{role}.jsonl").read_text("utf-8").splitlines(keepends=True)
        (root / f"{role}.jsonl").write_text("".join(lines[:count]), "utf-8")
    command = ["train", "-e", "koelectra", "--scale", "mini", "--base", str(base_folder)]
    command += ["--train", str(root / "train.jsonl"), "--test", str(root / "test.jsonl")]
    command += ["--seeds", "2", "--set", "epochs=1", "--out", str(root / "runs")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    return root / "runs", result


def test_a_folder_of_seeds_is_an_experiment_with_one_axis_and_a_page(trained):
    root, result = trained
    summary = json.loads((root / "seeds.json").read_text())
    results = json.loads((root / "results.json").read_text())
    (condition,) = results["conditions"]
    assert condition["seeds"] == summary["seeds"] == [42, 43]
    assert condition["f1"]["mean"] == pytest.approx(summary["micro"]["mean"])
    assert summary["targets"] == {}  # own documents, and no target was named
    page = (root / "report.html").read_text()
    assert "seed-42" in page and "seed-43" in page
    assert f"page: {root / 'report.html'}" in result.stderr
    assert "![F1 by training documents" in (root / "results.md").read_text()
    for seed in (42, 43):
        assert (root / f"seed-{seed}" / "checkpoint" / "model.safetensors").is_file()
        assert (root / f"seed-{seed}" / "report.html").is_file()


def test_a_folder_of_seeds_is_reported_as_its_runs(trained, tmp_path):
    root, _ = trained
    (root / "report.html").unlink()
    result = CliRunner().invoke(app, ["report", str(root)])
    assert result.exit_code == 0 and (root / "report.html").is_file()
    page = (root / "report.html").read_text()
    for form in ("markdown", "table", "json"):
        result = CliRunner().invoke(app, ["report", str(root), "--format", form])
        assert "seed-42" in result.stdout and "seed-43" in result.stdout
    assert (root / "report.html").read_text() == page
    assert CliRunner().invoke(app, ["report", str(root), "--without-texts"]).exit_code == 0
    assert (root / "report-without-texts.html").is_file()
    assert (root / "report.html").read_text() == page
    (tmp_path / "seeds-asked.json").write_text((root / "seeds-asked.json").read_text())
    result = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert result.exit_code == 2 and "no seed is done" in result.stderr
