"""The mini base: a small GLiNER2 model of the default base's classes, trained on the English set.

It replaces the real base where that cannot be had: the same code reads, swaps and trains it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.data.units import CachedSplitter
from encswap.errors import TrainingError
from encswap.evaluate.score import score_documents
from encswap.evaluate.thresholds import best, sweep
from encswap.files import checksum, write_json
from encswap.gliner import model as gliner
from encswap.gliner.schema import EntitySchema
from encswap.gliner.training import set_label_renaming
from encswap.models import MINI_BASE, mini_folder
from encswap.plugins import Plugins
from encswap.recipe import Recipe, dump_recipe, read_recipe
from encswap.testing.mini.encoders import build_once, draw_encoder, fingerprint
from encswap.testing.mini.tokenizers import train_tokenizer
from encswap.train.fit import group_settings
from encswap.train.groups import refuse_bad_cover
from encswap.train.samples import build_samples
from encswap.train.trainer import SwapTrainer
from encswap.types import (
    EncoderSpec,
    Epoch,
    Example,
    LoadedEncoder,
    Watcher,
    descriptions_of,
    labels_of,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RECIPE = "mini-base"
COUNTING_LAYER = "count_lstm_v2"
BOUNDARY = {"boundary_dim": 32, "pair_dim": 32, "multihead_pair_compat_heads": 4}


def mini_base(plugins: Plugins, watcher: Watcher, spec: EncoderSpec | None = None) -> Path:
    """Train the mini base once, about a minute on two cores, and return its folder.

    It is the replica of the default base, or of the registered base that `spec` is of.
    """
    recipe = read_recipe(layers=(RECIPE,))
    default = plugins.bases[recipe.base]
    name = MINI_BASE if spec is None or spec.name == default.name else spec.name
    replicated = spec or default
    return build_once(
        mini_folder("base", name),
        _mark(recipe, replicated),
        lambda folder: _train(recipe, replicated, plugins, folder, watcher),
    )


def _mark(recipe: Recipe, spec: EncoderSpec) -> str:
    data = checksum(find_data(str(recipe.train)))
    return fingerprint(spec, "base", dump_recipe(recipe), data)


def _train(
    recipe: Recipe, spec: EncoderSpec, plugins: Plugins, folder: Path, watcher: Watcher
) -> None:
    from transformers import set_seed

    train = read_examples(find_data(str(recipe.train)))
    test = read_examples(find_data(str(recipe.test)))
    asked = EntitySchema(
        tuple(labels_of(train)), descriptions_of(train) if recipe.descriptions else {}
    )
    splitter = CachedSplitter(plugins.splitter(str(recipe.splitter)))
    width = int(recipe.max_width) if recipe.max_width != "auto" else 8
    set_seed(recipe.seed)
    tokenizer = train_tokenizer(spec.fact("tokenizer", {}), [example.text for example in train])
    gliner.add_markers(tokenizer)
    model = gliner.new_model(
        None,
        LoadedEncoder(draw_encoder(spec, tokenizer), tokenizer),
        model_name=spec.hub_id,
        word_splitter=splitter,
        **_heads(spec, width),
    )
    set_label_renaming(model, recipe.synthetic_labels)
    samples = build_samples(train, splitter, asked.labels, asked.descriptions, width)
    groups = plugins.build_param_groups(model, group_settings(recipe))
    refuse_bad_cover(model, groups)
    watcher.stage("train the mini base")

    def on_epoch(number: int, loss: float) -> bool:
        watcher.epoch(Epoch(number, loss, 0.0, 0.0, 0.0), False)
        return True

    SwapTrainer(
        model, samples, groups, recipe, folder=folder, on_epoch=on_epoch, on_step=watcher.step
    ).train()
    gliner.save_model(model, folder)
    write_json(folder / "score.json", {"test_f1": _score(model, test, asked, splitter, recipe)})


def _heads(spec: EncoderSpec, width: int) -> dict[str, Any]:
    """The base's kind of heads, a boundary head's at a small size."""
    recorded = spec.fact("heads", {})
    if recorded.get("architecture") == "boundary":
        return {"architecture": "boundary", "boundary_head": dict(BOUNDARY)}
    return {"max_width": width, "counting_layer": recorded.get("counting_layer", COUNTING_LAYER)}


def _score(
    model: PreTrainedModel,
    test: Sequence[Example],
    asked: EntitySchema,
    splitter: CachedSplitter,
    recipe: Recipe,
) -> float:
    candidates = score_documents(
        model,
        test,
        asked,
        splitter,
        max_length=recipe.max_length,
    )
    f1 = best(sweep(test, candidates, recipe.thresholds, None)).micro.f1
    if f1 == 0.0:
        raise TrainingError("the mini base learned nothing", hint="its data may be damaged")
    return f1
