"""A run whose swapped encoder reads units in a form of its own: trained, resumed, scored again."""

from __future__ import annotations

import pytest

import encswap
from encswap.evaluate.predict import score_saved
from encswap.gliner.text_form import TextForm
from encswap.manifest import read_manifest
from encswap.models import resolve, spec_of
from encswap.recipe import read_recipe
from encswap.testing.mini.encoders import mini_encoder
from encswap.train.run import RunOptions, run_recipe
from encswap.train.run_folder import RunFolder
from encswap.types import Unwatched

FORM = {"keep_case": True, "running_text": True}


@pytest.fixture(scope="module")
def recipe(plugins, base_folder, files):
    mini_encoder(spec_of("koelectra", plugins))
    settings = {
        "encoder": "koelectra",
        "scale": "mini",
        "base": str(base_folder),
        "splitter": "kiwi",
        "epochs": 2,
    }
    return read_recipe(
        overrides={**settings, **FORM, **files, "token_pooling": "mean"}, layers=("mini",)
    )


@pytest.fixture(scope="module")
def finished(plugins, recipe, tmp_path_factory):
    path = tmp_path_factory.mktemp("form") / "run"
    return path, run_recipe(recipe, path, plugins, Unwatched(), RunOptions())


def test_a_saved_run_loads_and_scores_as_it_was_trained(finished, files):
    path, metrics = finished
    assert encswap.load(path).processor.reader.form == TextForm(**FORM)
    assert score_saved(path, files["test"])["test"] == metrics["test"]


def test_the_manifest_says_that_plain_gliner2_reads_otherwise(finished):
    manifest = read_manifest(finished[0])
    assert manifest.recipe["keep_case"] and manifest.recipe["running_text"]
    assert [one for one in manifest.remarks if "keep_case, running_text" in one]


def test_an_interrupted_run_goes_on_to_the_same_numbers(
    finished, plugins, recipe, tmp_path, monkeypatch
):
    from encswap.train import fit

    close = fit._close_epoch

    def stop(job, progress, trainer, number, loss):
        close(job, progress, trainer, number, loss)
        raise KeyboardInterrupt

    path = tmp_path / "run"
    monkeypatch.setattr(fit, "_close_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, path, plugins, Unwatched(), RunOptions())
    monkeypatch.setattr(fit, "_close_epoch", close)
    folder = RunFolder.resume(path)
    again = run_recipe(folder.read_recipe(), path, plugins, Unwatched(), RunOptions(again=folder))
    assert again["test"] == finished[1]["test"]
    assert resolve(str(path / "checkpoint"), plugins).kind == "folder"
