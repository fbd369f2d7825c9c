"""English GLiNER2 bases on a real encoder: gliner2's span heads on MiniLM, tuned on English gold.

Every step is encswap's own: its samples, its Trainer, its scores.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encswap.data.readers import ReadOptions, read_examples
from encswap.data.split import split_dev
from encswap.data.units import CachedSplitter, units_of
from encswap.evaluate.score import score_documents
from encswap.evaluate.summary import summarise
from encswap.evaluate.thresholds import best, score_at, sweep
from encswap.files import write_json
from encswap.gliner import model as gliner
from encswap.gliner.batches import used_ids
from encswap.gliner.schema import EntitySchema
from encswap.gliner.training import halve_encoder, set_label_renaming
from encswap.plugins import Plugins
from encswap.recipe import Recipe, read_recipe
from encswap.train.fit import group_settings
from encswap.train.samples import Samples, build_samples
from encswap.train.trainer import SwapTrainer
from encswap.train.used_rows import grow, shrink
from encswap.types import EncoderSpec, Example, Source, labels_of

COUNTING_LAYER = "count_lstm_v2"  # as gliner2's published span models have it
WIDTH = 8
SCORE = "score.json"
SETTINGS: Mapping[str, Any] = {
    "encoder_lr": 1e-4,
    "head_lr": 1e-3,
    "epochs": 4,
    "batch_size": 8,
    "gradient_accumulation": 1,
    "synthetic_labels": 0.1,
    "precision": "fp32",
    "descriptions": False,
    "report_to": "none",
}


@dataclass(frozen=True)
class Gold:
    """An English set: its files, and how many of its sentences a base is tuned on."""

    train: str
    test: str
    sentences: int


MEDICAL = Gold("ncbi_disease_train.conll", "ncbi_disease_test.conll", 700)
GENERAL = Gold("wnut17_train.conll", "wnut17_test.conll", 500)
BASES: Mapping[str, tuple[Gold, ...]] = {
    "english": (MEDICAL, GENERAL),
    "medical": (MEDICAL,),
    "general": (GENERAL,),
}


def train_base(
    golds: Sequence[Gold], encoder: Path, data: Path, plugins: Plugins, folder: Path, **more: Any
) -> dict[str, Any]:
    """Tune a base, save it into `folder` and return its scores on each set's test sentences."""
    from transformers import set_seed

    recipe = read_recipe(overrides={"base": str(encoder), **SETTINGS, **more})
    train = [one for gold in golds for one in _sentences(gold, data, recipe.seed)]
    splitter = CachedSplitter(plugins.splitter("whitespace"))
    set_seed(recipe.seed)
    spec = EncoderSpec(name=encoder.name, hub_id="")
    source = Source(encoder.name, encoder, "folder", str(encoder))
    loaded = plugins.load_encoder(spec, source)
    gliner.add_markers(loaded.tokenizer)
    loaded.model.resize_token_embeddings(len(loaded.tokenizer))
    model = gliner.new_model(
        None,
        loaded,
        model_name=encoder.name,
        max_width=WIDTH,
        counting_layer=COUNTING_LAYER,
        word_splitter=splitter,
    )
    set_label_renaming(model, recipe.synthetic_labels)
    if recipe.precision == "bf16-encoder":
        halve_encoder(model)
    began = time.monotonic()
    _train(model, build_samples(train, splitter, labels_of(train), {}, WIDTH), recipe, plugins)
    gliner.save_model(model, folder)
    scores = {gold.test: _score(model, gold, data, recipe, splitter) for gold in golds}
    told = {"sentences": len(train), "seconds": round(time.monotonic() - began, 1), "test": scores}
    write_json(folder / SCORE, told)
    return told


def _sentences(gold: Gold, data: Path, seed: int) -> list[Example]:
    """A set's training sentences, those that hold a mention first; each asks for its own labels."""
    import random

    found = read_examples(data / gold.train, options=ReadOptions(labels_per_file=True))
    random.Random(seed).shuffle(found)
    return sorted(found, key=lambda one: not one.mentions)[: gold.sentences]


def _train(model: Any, samples: Samples, recipe: Recipe, plugins: Plugins) -> None:
    splitter = model.processor.word_splitter
    units = {text[a:b] for text, _ in samples.items for a, b in units_of(splitter, text)}
    labels = sorted({label for _, schema in samples.items for label in schema["entities"]})
    shrink(model, used_ids(model, units, labels, {}))
    groups = plugins.build_param_groups(model, group_settings(recipe))
    began = time.monotonic()

    def on_epoch(number: int, loss: float) -> bool:
        print(f"epoch {number}: loss {loss:.3f}, {time.monotonic() - began:.0f} s", flush=True)
        return True

    from encswap import files

    with files.scratch("base") as folder:
        SwapTrainer(model, samples, groups, recipe, folder=folder, on_epoch=on_epoch).train()
    grow(model)


def _score(
    model: Any, gold: Gold, data: Path, recipe: Recipe, splitter: CachedSplitter
) -> dict[str, Any]:
    """Score a set's test sentences, the threshold chosen on 150 sentences that were not trained."""
    test = read_examples(data / gold.test)
    _, rest = split_dev(read_examples(data / gold.train), 0.15, recipe.seed)
    dev = rest[:150]
    asked = EntitySchema(tuple(labels_of(test)), {})

    def found(examples: Sequence[Example]) -> Any:
        return score_documents(model, examples, asked, splitter, max_length=recipe.max_length)

    threshold = best(sweep(dev, found(dev), recipe.thresholds, None)).threshold
    scored = score_at(test, found(test), threshold, None)
    return summarise(scored, test, asked.labels, recipe.seed)
