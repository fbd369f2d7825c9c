"""A small world for head reuse: encoders of three classes that have read, and an English base.

    python benchmarks/head_reuse/world.py --out world

Everything is seeded and kept: what is there and was built in the same way is not built again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from mlm import Settings, pretrain, set_sinusoids
from texts import documents_of, texts_of

from encswap.cli.progress import quiet_libraries
from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.data.units import CachedSplitter
from encswap.evaluate.score import score_documents
from encswap.evaluate.thresholds import best, sweep
from encswap.files import write_json
from encswap.gliner import model as gliner
from encswap.gliner.schema import EntitySchema
from encswap.gliner.training import set_label_renaming
from encswap.plugins import Plugins, load_plugins
from encswap.recipe import Recipe, dump_recipe, read_recipe
from encswap.testing.mini.encoders import build_once, fingerprint, mini_config
from encswap.testing.mini.tokenizers import train_tokenizer
from encswap.train.fit import group_settings
from encswap.train.groups import refuse_bad_cover
from encswap.train.samples import build_samples
from encswap.train.trainer import SwapTrainer
from encswap.types import EncoderSpec, LoadedEncoder, descriptions_of, labels_of

# Name here → the registered encoder whose class and tokenizer kind it takes. The brief one is a
# control: of the base's class, and has read little.
CANDIDATES = {
    "deberta": "ko-deberta",
    "deberta-brief": "ko-deberta",
    "electra": "koelectra",
    "roberta": "klue-roberta",
}
BASE = "gliner2-base"
LAYERS = 3
MORE = {"en": 3000, "ko": 3000}
SEEDS = {"en": 7, "ko": 11}
READING, BRIEF = Settings(2500), Settings(800)
LATE = Settings(4000)
"""Absolute positions are learned late: encoders that have them read longer."""
TAUGHT = 1500
"""Documents with mentions that the base is trained on, beside the shipped ones."""
BASE_SETTINGS: Mapping[str, Any] = {"epochs": 5, "encoder_lr": 1e-3}


def main() -> None:
    """Build what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("world"))
    parser.add_argument("--only", nargs="+", choices=["base", *CANDIDATES], help="default: all")
    options = parser.parse_args()
    quiet_libraries()
    plugins = load_plugins()
    for name in options.only or ["base", *CANDIDATES]:
        began = time.monotonic()
        folder = build(name, options.out, plugins)
        said = (folder / "world.json").read_text(encoding="utf-8").strip()
        print(f"{folder}: {time.monotonic() - began:.0f} s, {' '.join(said.split())}", flush=True)


def build(name: str, out: Path, plugins: Plugins) -> Path:
    """Build one model of the world, unless it is there."""
    settings = {"deberta-brief": BRIEF, "electra": LATE, "roberta": LATE}.get(name, READING)
    more = json.dumps([LAYERS, MORE, SEEDS, asdict(settings)])
    if name != "base":
        spec = plugins.encoders[CANDIDATES[name]]
        mark = fingerprint(spec, "world", name, more)
        return build_once(out / name, mark, lambda folder: write_candidate(spec, settings, folder))
    spec, recipe = plugins.bases[BASE], base_recipe()
    mark = fingerprint(spec, "world", name, more, str(TAUGHT), dump_recipe(recipe))

    def write(folder: Path) -> None:
        write_base(spec, read_much(spec, "en", settings), recipe, plugins, folder)

    return build_once(out / name, mark, write)


def write_candidate(spec: EncoderSpec, settings: Settings, folder: Path) -> None:
    """Pretrain an encoder on Korean text."""
    encoder, losses = read_much(spec, "ko", settings)
    encoder.model.save_pretrained(folder)
    encoder.tokenizer.save_pretrained(folder)
    write_json(folder / "world.json", told_losses(losses))


def read_much(
    spec: EncoderSpec, language: str, settings: Settings
) -> tuple[LoadedEncoder, list[float]]:
    """Draw a small encoder of the spec's class and pretrain it; returns it with its losses."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    texts = texts_of(language, MORE[language], SEEDS[language])
    recorded = dict(spec.fact("tokenizer", {}))
    if (numbered := recorded.get("special_tokens")) and "[MASK]" not in numbered:
        recorded["special_tokens"] = {**numbered, "[MASK]": max(numbered.values()) + 1}
    elif not numbered and recorded.get("model") == "Unigram":
        names = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")
        recorded["special_tokens"] = {name: place for place, name in enumerate(names)}
    tokenizer = train_tokenizer(recorded, texts)
    fields = mini_config(spec.config, len(tokenizer))
    fields |= {"num_hidden_layers": LAYERS, "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(settings.seed)
    model = AutoModelForMaskedLM.from_config(AutoConfig.for_model(**fields)).float()
    set_sinusoids(model)
    losses = pretrain(model, tokenizer, texts, settings)
    return LoadedEncoder(model.base_model, tokenizer), losses


def base_recipe() -> Recipe:
    """How the base is trained: as the mini base, and longer."""
    return read_recipe(overrides=dict(BASE_SETTINGS), layers=("mini-base",))


def write_base(
    spec: EncoderSpec,
    read: tuple[LoadedEncoder, list[float]],
    recipe: Recipe,
    plugins: Plugins,
    folder: Path,
) -> None:
    """Train a GLiNER2 base around an encoder that has read English text."""
    from transformers import set_seed

    encoder, losses = read
    train = documents_of("en", TAUGHT, SEEDS["en"])
    test = read_examples(find_data(str(recipe.test)))
    asked = EntitySchema(
        tuple(labels_of(train)), descriptions_of(train) if recipe.descriptions else {}
    )
    splitter = CachedSplitter(plugins.splitter(str(recipe.splitter)))
    width = int(recipe.max_width)
    set_seed(recipe.seed)
    gliner.add_markers(encoder.tokenizer)
    encoder.model.resize_token_embeddings(len(encoder.tokenizer), mean_resizing=False)
    model = gliner.new_model(
        None,
        encoder,
        model_name=spec.hub_id,
        max_width=width,
        counting_layer=spec.fact("heads")["counting_layer"],
        word_splitter=splitter,
    )
    set_label_renaming(model, recipe.synthetic_labels)
    samples = build_samples(train, splitter, asked.labels, asked.descriptions, width)
    groups = plugins.build_param_groups(model, group_settings(recipe))
    refuse_bad_cover(model, groups)
    SwapTrainer(model, samples, groups, recipe, folder=folder, on_epoch=lambda *_: True).train()
    gliner.save_model(model, folder)
    found = score_documents(model, test, asked, splitter, max_length=recipe.max_length)
    f1 = best(sweep(test, found, recipe.thresholds, None)).micro.f1
    write_json(folder / "world.json", {**told_losses(losses), "test_f1": round(f1, 3)})


def told_losses(losses: Sequence[float]) -> dict[str, Any]:
    """The language loss at the end, and by tenths of the steps."""
    return {"mlm_loss": round(losses[-1], 3), "by_tenths": [round(one, 2) for one in losses]}


if __name__ == "__main__":
    main()
