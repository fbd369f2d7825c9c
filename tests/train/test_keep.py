"""Strategy keep: the base's own encoder and heads, tuned with other words and no swap."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import encswap
from encswap.errors import InputError
from encswap.evaluate.predict import score_saved
from encswap.gliner import model as gliner
from encswap.models import resolve
from encswap.recipe import encoder_of, read_recipe
from encswap.train.prepare import make_ready, read_documents
from encswap.train.run import RunOptions, run_recipe
from encswap.train.run_folder import RunFolder
from encswap.types import Unwatched


def keep_recipe(base, files, **settings):
    given = {"strategy": "keep", "base": str(base), "splitter": "kiwi", "epochs": 2, **files}
    return read_recipe(overrides={**given, **settings}, layers=("mini",))


def kept(plugins, base, files, **settings):
    recipe = keep_recipe(base, files, **settings)
    source = resolve(str(base), plugins)
    spec = plugins.bases["gliner2-base"]
    documents = read_documents(recipe)
    return make_ready(
        recipe, documents, plugins, spec=spec, base_source=source, encoder_source=source
    )


@pytest.fixture(scope="module")
def finished(plugins, base_folder, files, tmp_path_factory) -> tuple[Path, dict]:
    path = tmp_path_factory.mktemp("keep") / "run"
    recipe = keep_recipe(base_folder, files)
    return path, run_recipe(recipe, path, plugins, Unwatched(), RunOptions())


@pytest.mark.parametrize("kind", ["base_folder", "boundary_folder"])
def test_every_weight_begins_as_the_base_s_and_the_words_are_the_recipe_s(
    kind, request, plugins, files
):
    ready = kept(plugins, request.getfixturevalue(kind), files)
    own, base = ready.model.state_dict(), ready.base.state_dict()
    assert own.keys() == base.keys()
    assert all(torch.equal(own[name], base[name]) for name in base)
    assert ready.splitter_name == "kiwi" and ready.model is not ready.base
    assert ready.origins == {"kept": ready.base.encoder.get_input_embeddings().num_embeddings}


def test_the_width_is_chosen_as_for_a_swap(plugins, base_folder, files):
    assert kept(plugins, base_folder, files, max_width=5).max_width == 5
    assert kept(plugins, base_folder, files).max_width == gliner.max_width_of(
        kept(plugins, base_folder, files).model
    )


def test_a_run_trains_encoder_and_heads_and_says_that_nothing_was_swapped(
    finished, base_folder, files
):
    folder, metrics = finished
    assert metrics["strategy"] == "keep"
    manifest = json.loads((folder / "encswap.json").read_text())
    assert manifest["encoder"] == manifest["base"]
    assert manifest["embeddings"] == "kept" and set(manifest["origins"]) == {"kept"}
    before = gliner.read_model(base_folder).state_dict()
    after = gliner.read_model(folder / "checkpoint").state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith("encoder.") for name in changed)
    assert any(gliner.is_head(name) for name in changed)
    losses = [epoch["train_loss"] for epoch in metrics["epochs"]]
    assert losses[-1] < losses[0]
    assert score_saved(folder, files["test"])["test"] == metrics["test"]


def test_its_base_is_scored_with_its_own_words_and_with_these(finished):
    baselines = finished[1]["baselines"]
    assert set(baselines) == {"dictionary", "base", "before_training"}


def test_its_checkpoint_loads_here_and_with_plain_gliner2(finished):
    from gliner2 import AutoExtractor

    folder, _ = finished
    assert type(encswap.load(folder).encoder).__name__ == "DebertaV2Model"
    plain = AutoExtractor.from_pretrained(str(folder / "checkpoint"))
    assert type(plain.encoder).__name__ == "DebertaV2Model"


def test_keeping_is_not_swapping(finished, plugins, base_folder, files, tmp_path, load_mini):
    load_mini("koelectra")
    recipe = keep_recipe(base_folder, files, strategy="surgical", encoder="koelectra", scale="mini")
    swapped = run_recipe(recipe, tmp_path / "run", plugins, Unwatched(), RunOptions())
    assert swapped["epochs"][0]["train_loss"] != finished[1]["epochs"][0]["train_loss"]


def test_an_interrupted_run_goes_on_to_the_same_numbers(
    finished, plugins, base_folder, files, tmp_path, monkeypatch
):
    from encswap.train import fit

    close = fit._close_epoch

    def stop(job, progress, trainer, number, loss):
        goes_on = close(job, progress, trainer, number, loss)
        if number == 2:
            raise KeyboardInterrupt
        return goes_on

    monkeypatch.setattr(fit, "_close_epoch", stop)
    recipe, path = keep_recipe(base_folder, files), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, path, plugins, Unwatched(), RunOptions())
    monkeypatch.setattr(fit, "_close_epoch", close)
    folder = RunFolder.resume(path)
    again = run_recipe(folder.read_recipe(), path, plugins, Unwatched(), RunOptions(again=folder))
    assert again["test"] == finished[1]["test"]


def test_an_encoder_beside_it_is_refused(base_folder, files):
    recipe = keep_recipe(base_folder, files, encoder="koelectra")
    with pytest.raises(InputError, match="keep tunes the base's own encoder, and encoder 'koelec"):
        encoder_of(recipe)
    assert encoder_of(keep_recipe(base_folder, files, encoder=str(base_folder))) is None
    with pytest.raises(InputError, match=r"no encoder; give --encoder NAME .*--strategy keep"):
        encoder_of(keep_recipe(base_folder, files, strategy="surgical"))


def test_alignment_has_nothing_to_align(plugins, base_folder, files):
    with pytest.raises(InputError, match="strategy keep has none"):
        kept(plugins, base_folder, files, alignment="ridge")
