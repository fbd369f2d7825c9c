"""What the code of 25 November 2026 (API version 1) wrote is read as before.

`old_runs/0.1.0-whole` is a run folder as that code wrote it, with the documents it was trained on;
the weights, 4.4 MB, are left out and drawn. `old_plugins` holds its sample of all six hooks and a
package that its `plugins new` wrote.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import encswap
from encswap.cli.app import app
from encswap.plugins import load_plugins
from encswap.recipe import read_recipe
from encswap.testing.verification import Verification
from tests import packages

HERE = Path(__file__).parent
OLD_RUN = HERE / "old_runs" / "0.1.0-whole"
OLD_PLUGINS = sorted((HERE / "old_plugins").iterdir())


def values_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def old_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old run folder, with drawn weights of the shapes that its config asks for."""
    import torch
    from gliner2.configuration import ExtractorConfig
    from safetensors.torch import save_file
    from transformers import AutoTokenizer

    from encswap.gliner.model import build
    from encswap.safety.trusted_classes import build_config, read_config

    run = tmp_path_factory.mktemp("old") / "run"
    shutil.copytree(OLD_RUN, run)
    checkpoint = run / "checkpoint"
    config = ExtractorConfig(**values_of(checkpoint / "config.json"))
    encoder = build_config(read_config(checkpoint / "encoder_config"))
    torch.manual_seed(0)
    model = build(config, encoder, AutoTokenizer.from_pretrained(checkpoint), None)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()},
              checkpoint / "model.safetensors", metadata={"format": "pt"})  # fmt: skip
    return run


def test_an_old_checkpoint_loads_with_its_splitter_threshold_and_width(old_run: Path) -> None:
    manifest = json.loads((old_run / "encswap.json").read_text(encoding="utf-8"))
    model = encswap.load(old_run)
    assert model.config.max_width == manifest["max_width"] == 6
    told = CliRunner().invoke(
        app, ["predict", str(old_run), "--text", "고혈압 환자의 메트포르민", "--format", "json"]
    )
    assert told.exit_code == 0, told.stderr


def test_an_old_run_is_scored_with_its_own_threshold_and_labels(old_run: Path) -> None:
    old = json.loads((old_run / "metrics.json").read_text(encoding="utf-8"))
    command = ["eval", str(old_run), "--data", str(old_run / "test.jsonl"), "--format", "json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.stderr
    new = json.loads(done.stdout)
    assert new["threshold"] == old["threshold"] and new["coverage"] == old["coverage"]
    assert new["test"]["micro"]["support"] == old["test"]["micro"]["support"] == 39
    assert set(new["test"]["per_label"]) == set(old["test"]["per_label"])


def test_an_old_recipe_reads_with_every_value_that_it_wrote() -> None:
    path = OLD_RUN / "recipe.yaml"
    read = read_recipe(path).model_dump(mode="json")
    assert {key: read[key] for key in values_of(path)} == values_of(path)


@pytest.mark.slow
def test_an_old_recipe_trains_in_the_same_steps_to_the_same_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trains the mini base first, as the old code did: the losses depend on each of its weights."""
    monkeypatch.chdir(OLD_RUN)
    monkeypatch.setenv("ENCSWAP_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "again"
    done = CliRunner().invoke(app, ["train", "--recipe", "recipe.yaml", "--out", str(out)])
    assert done.exit_code == 0, done.stderr
    old, new = (json.loads((one / "metrics.json").read_text()) for one in (OLD_RUN, out))
    for before, after in zip(old["epochs"], new["epochs"], strict=True):
        assert after["train_loss"] == pytest.approx(before["train_loss"], rel=1e-3)
        assert after["dev_f1"] == pytest.approx(before["dev_f1"], abs=0.02)
    assert new["test"]["micro"]["f1"] == pytest.approx(old["test"]["micro"]["f1"], abs=0.02)
    assert new["baselines"]["dictionary"]["micro"] == old["baselines"]["dictionary"]["micro"]


def test_plugins_of_api_version_1_load_register_and_keep_their_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in packages.install(OLD_PLUGINS, tmp_path).values():
        monkeypatch.syspath_prepend(folder)
    plugins = load_plugins()
    records = plugins.records
    assert records["all-hooks"].error is None and records["own"].error is None
    assert {"sample-encoder", "own"} <= set(plugins.encoders)
    for name, methods in (("all-hooks", ("spelled-out",)), ("own", ())):
        verification = Verification.of(name, plugins, methods=methods)
        outcomes = [verification.outcome(case) for case in verification.cases]
        assert {one.status for one in outcomes} == {"kept"}, outcomes
