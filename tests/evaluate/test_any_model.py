"""`eval` of any GLiNER2 model: what encswap wrote, a plain checkpoint, a registered base, mini."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from encswap.cli import app
from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.errors import EncswapError
from encswap.evaluate.predict import score_saved
from encswap.recipe import read_recipe
from encswap.train.run import RunOptions, run_recipe
from encswap.types import Unwatched, labels_of


def head(source: str, count: int, path: Path) -> str:
    lines = find_data(source).read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:count]), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("parts")
    return {
        "train": head("ko-medical/train.jsonl", 16, folder / "train.jsonl"),
        "dev": head("ko-medical/test.jsonl", 12, folder / "dev.jsonl"),
        "test": head("ko-medical/test.jsonl", 6, folder / "test.jsonl"),
    }


@pytest.fixture(scope="module")
def trained(plugins, base_folder, parts, tmp_path_factory) -> tuple[Path, dict]:
    path = tmp_path_factory.mktemp("any") / "run"
    given = {"strategy": "keep", "base": str(base_folder), "splitter": "kiwi", "epochs": 1}
    recipe = read_recipe(overrides={**given, **parts}, layers=("mini",))
    return path, run_recipe(recipe, path, plugins, Unwatched(), RunOptions())


def asked(parts) -> list[str]:
    return labels_of([e for name in ("train", "test") for e in read_examples(Path(parts[name]))])


def test_a_plain_checkpoint_gets_the_base_s_numbers_of_a_run(trained, base_folder, parts):
    baseline = trained[1]["baselines"]["base"]
    found = score_saved(
        base_folder,
        parts["test"],
        labels=asked(parts),
        dev=parts["dev"],
        settings={"descriptions": False},  # as the mini recipe
    )
    assert found["threshold"] == baseline["threshold"] and found["threshold_source"] == "dev"
    assert {key: found["test"][key] for key in baseline if key != "cross_fold"} == baseline
    assert found["strategy"] is None and found["targets"] == {}


def test_its_words_may_be_chosen(trained, base_folder, parts):
    baseline = trained[1]["baselines"]["before_training"]
    found = score_saved(
        base_folder, parts["test"], labels=asked(parts), dev=parts["dev"], splitter="kiwi"
    )
    assert found["splitter"] == "kiwi"
    assert found["coverage"] > score_saved(base_folder, parts["test"])["coverage"]
    assert found["test"]["micro"]["support"] == baseline["micro"]["support"]


def test_a_run_gets_its_own_numbers_with_its_threshold_and_with_one_chosen_on_its_dev(
    trained, parts
):
    folder, metrics = trained
    own = score_saved(folder, parts["test"])
    assert own["test"] == metrics["test"] and own["threshold_source"] == "dev"
    chosen = score_saved(folder, parts["test"], dev=parts["dev"])
    assert chosen["test"] == metrics["test"] and chosen["dev"] == metrics["dev"]


def test_a_registered_base_is_fetched_and_scored(base_folder, parts, monkeypatch):
    from encswap import models
    from encswap.hub import Listing

    called = []

    def fetch(hub_id, revision, **_):
        called.append(hub_id)
        sizes = {path.name: path.stat().st_size for path in base_folder.iterdir() if path.is_file()}
        return base_folder, Listing("0" * 40, sizes, {})

    monkeypatch.setattr(models, "fetch", fetch)
    found = score_saved("gliner2-multi", parts["test"])
    assert set(called) == {"fastino/gliner2-multi-v1"}
    assert found["test"] == score_saved(base_folder, parts["test"])["test"]
    assert found["model"] == "gliner2-multi"
    assert score_saved("someone/gliner2", parts["test"])["test"] == found["test"]


def test_a_setting_changes_how_it_is_asked(base_folder, parts):
    found = score_saved(
        base_folder, parts["test"], dev=parts["dev"], settings={"thresholds": (0.35,)}
    )
    assert found["threshold"] == 0.35


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("empty", "neither encswap.json nor config.json; give a run folder"),
        ("bert", "no encoder_config/config.json, so this is no GLiNER2 checkpoint"),
        ("koelectra", "koelectra is an encoder, not a GLiNER2 model; encswap train --encoder"),
        ("gliner2-bse", "did you mean 'gliner2-base'"),
        ("./nowhere", "no such folder"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(tmp_path, monkeypatch, parts, model, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "bert" / "model.safetensors").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["eval", model, "--data", parts["test"]])
    assert result.exit_code == 2 and said in result.output, result.output
    assert "Traceback" not in result.output


def test_labels_that_differ_are_named_or_refused(base_folder, parts):
    labels = ["--labels", "Disease, Gene"]
    command = ["eval", str(base_folder), "--data", parts["test"], "--format", "json"]
    found = CliRunner().invoke(app, [*command, *labels])
    metrics = json.loads(found.stdout)
    assert metrics["labels"]["asked"] == ["Disease", "Gene"]
    assert metrics["labels"]["not_marked"] == ["Gene"] and metrics["labels"]["not_asked"]
    with pytest.raises(EncswapError, match="label"):
        score_saved(base_folder, parts["test"], labels=["Gene"])


def test_two_ways_to_a_threshold_are_refused(base_folder, parts):
    command = ["eval", str(base_folder), "--data", parts["test"], "--threshold", "0.3"]
    result = CliRunner().invoke(app, [*command, "--dev", parts["dev"]])
    assert result.exit_code == 2 and "a threshold is given, and --dev asks" in result.output


def test_the_terminal_says_where_the_threshold_comes_from(base_folder, parts):
    command = ["eval", str(base_folder), "--data", parts["test"]]
    plain = CliRunner().invoke(app, command).output
    assert (
        "Threshold 0.5 is the default: none was chosen. No epoch was chosen: the model is" in plain
    )
    assert "was chosen on dev" in CliRunner().invoke(app, [*command, "--dev", parts["dev"]]).output
    same = CliRunner().invoke(app, [*command, "--dev", parts["test"]]).output
    assert "the threshold was chosen on the documents that are scored" in same


@pytest.fixture
def few(monkeypatch, tmp_path) -> Path:
    """Two sentences in place of the shipped retention set."""
    from encswap.evaluate import retention

    path = Path(head("retention/ko.jsonl", 2, tmp_path / "few.jsonl"))
    monkeypatch.setattr(retention, "SHIPPED", {"ko": str(path)})
    return path


def test_retention_of_a_model_that_encswap_did_not_write_is_that_of_a_base(few, base_folder):
    result = CliRunner().invoke(
        app, ["eval", str(base_folder), "--retention", "--format", "json"], catch_exceptions=False
    )
    assert result.exit_code == 0
    found = json.loads(result.stdout)["retention"]
    assert list(found["sets"]["ko"]["models"]) == ["base"] and found["remarks"] == []
    assert "only one model" in found["sentence"]


def test_retention_of_a_base_that_was_tuned_with_its_own_encoder_has_all_three_models(
    few, trained, plugins, base_folder
):
    from encswap.evaluate.retention import retention_of

    found = retention_of(trained[0], plugins)["retention"]
    assert found["remarks"] == []
    models = found["sets"]["ko"]["models"]
    assert list(models) == ["base", "swapped", "tuned"]
    assert models["base"] == retention_of(base_folder, plugins)["retention"]["sets"]["ko"][
        "models"]["base"]  # fmt: skip


def test_retention_of_something_that_is_no_model_is_refused_in_a_line(few):
    result = CliRunner().invoke(app, ["eval", "koelectra", "--retention"])
    assert result.exit_code == 2


def test_a_retention_file_that_is_not_there_stops_a_run_before_a_model_is_read(
    plugins, base_folder, parts, tmp_path, monkeypatch
):
    from encswap.gliner import model as gliner

    monkeypatch.setattr(gliner, "read_model", None)
    given = {"strategy": "keep", "base": str(base_folder), "splitter": "whitespace", **parts}
    recipe = read_recipe(overrides={**given, "retention_data": "nowhere.jsonl"}, layers=("mini",))
    with pytest.raises(EncswapError, match=r"nowhere\.jsonl"):
        run_recipe(recipe, tmp_path / "run", plugins, Unwatched(), RunOptions())
    assert not (tmp_path / "run").exists()
