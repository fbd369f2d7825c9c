"""A small world for retention: a base that can do four tasks, and an encoder of another class.

    python benchmarks/retention/world.py --out world

The base is drawn and taught by `encswap train` on sentences of the world; the encoder is drawn, and
what it can do comes from the base alone, by alignment `distill`. What is there is kept.
"""

from __future__ import annotations

import argparse
import random
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from texts import NAMES, labelled, medical, record, write_records

from encswap.cli.progress import quiet_libraries
from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.files import write_text
from encswap.gliner import model as gliner
from encswap.models import resolve, spec_of
from encswap.plugins import Plugins, load_plugins
from encswap.recipe import read_recipe
from encswap.testing.mini.encoders import draw_encoder
from encswap.testing.mini.tokenizers import train_tokenizer
from encswap.train.run import RunOptions, run_recipe, write_swap
from encswap.types import Epoch, LoadedEncoder, Unwatched

BASE, ENCODER = "gliner2-base", "koelectra"
TAUGHT, KEPT, REPLAYED, UNLABELLED = 700, 40, 60, 100
MEDICAL, TEST = 56, 40
TEACHING = {
    "strategy": "keep",
    "splitter": "whitespace",
    "epochs": 14,
    "encoder_lr": 1e-3,
    "head_lr": 1e-3,
    "mask_subtokens": 0.0,
    "select_by": "mean",
    "patience": 20,
    "overfit_patience": 20,
    "dev_share": 0.08,
    "max_width": 8,
    "seed": 1,
    "report_to": "none",
}
LAST_EPOCH = 6
SWAP = {"splitter": "whitespace", "seed": 1}
ALIGNMENT = {"alignment_steps": 200, "alignment_lr": 2e-3, "alignment_texts": 300}


def write_data(folder: Path) -> None:
    """Write the documents: what is taught, kept, replayed, unlabelled and tuned on."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {
        "taught": (TAUGHT, 1),
        "taught-test": (40, 2),
        "kept": (KEPT, 3),
        "replay": (REPLAYED, 4),
    }
    for name, (count, seed) in parts.items():
        write_records(folder / f"{name}.jsonl", count, seed)
    draw = random.Random(5)
    texts = [record(draw, "")["input"] for _ in range(UNLABELLED)]
    write_text(folder / "unlabelled.txt", "\n".join(texts) + "\n")
    write_records(folder / "medical-train.jsonl", MEDICAL, 6, medical)
    write_records(folder / "medical-test.jsonl", TEST, 7, medical)
    write_records(folder / "labels-train.jsonl", MEDICAL, 8, labelled)
    write_records(folder / "labels-test.jsonl", TEST, 9, labelled)


def draw_models(folder: Path, data: Path, plugins: Plugins) -> None:
    """Draw the base and the encoder, with tokenizers of the world's text."""
    texts = [one.text for one in read_examples(data / "taught.jsonl")]
    texts += [one.text for one in read_examples(find_data("ko-medical/train.jsonl"))]
    texts += list(NAMES)
    for name in (BASE, ENCODER):
        out = folder / ("drawn" if name == BASE else "encoder")
        if out.is_dir():
            continue
        spec = {**plugins.bases, **plugins.encoders}[name]
        tokenizer = train_tokenizer(spec.fact("tokenizer"), texts)
        if name != BASE:
            draw_encoder(spec, tokenizer).save_pretrained(out)
            tokenizer.save_pretrained(out)
            continue
        gliner.add_markers(tokenizer)
        torch.manual_seed(0)
        loaded = LoadedEncoder(draw_encoder(spec, tokenizer), tokenizer)
        model = gliner.new_model(
            None, loaded, model_name=spec.hub_id, max_width=8, counting_layer="count_lstm_v2"
        )
        gliner.save_model(model, out)


class _Taught(Exception):  # noqa: N818 - no error: it ends the teaching
    """The base has been taught enough."""


class _Until(Unwatched):
    """Ends a run after an epoch; its best model so far stays in its folder."""

    def epoch(self, record: Epoch, improved: bool) -> None:
        """An epoch is over."""
        print(
            f"epoch {record.epoch}: dev {record.dev_f1:.3f}{' *' if improved else ''}", flush=True
        )
        if record.epoch == LAST_EPOCH:
            raise _Taught


def teach(folder: Path, data: Path, plugins: Plugins) -> None:
    """Teach the drawn base the world's tasks."""
    given = {"base": folder / "drawn", "train": data / "taught.jsonl"}
    given |= {"test": data / "taught-test.jsonl"}
    named = {key: str(path) for key, path in given.items()}
    recipe = read_recipe(overrides={**TEACHING, **named}, layers=("mini",))
    run = folder / "base-run"
    with suppress(_Taught):
        run_recipe(recipe, run, plugins, _Until(), RunOptions())
    shutil.copytree(run / "checkpoint", folder / "base")


def swap(folder: Path, data: Path, plugins: Plugins, name: str, **settings: Any) -> None:
    """Put the encoder into the base."""
    given = {"base": str(folder / "base"), "encoder": str(folder / "encoder"), **SWAP, **settings}
    recipe = read_recipe(overrides=given, layers=("mini",))
    write_swap(
        recipe,
        plugins,
        spec_of(str(recipe.encoder), plugins),
        base_source=resolve(recipe.base, plugins),
        encoder_source=resolve(str(recipe.encoder), plugins),
        out=folder / name,
        examples=read_examples(data / "taught.jsonl"),
    )


def build(folder: Path) -> None:
    """Build what is not there."""
    plugins = load_plugins()
    data = folder / "data"
    write_data(data)
    draw_models(folder, data, plugins)
    if not (folder / "base").is_dir():
        teach(folder, data, plugins)
    if not (folder / "untaught").is_dir():
        swap(folder, data, plugins, "untaught")
    if not (folder / "swapped").is_dir():
        swap(folder, data, plugins, "swapped", alignment="distill", **ALIGNMENT)


def main() -> None:
    """Build the world."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("world"))
    options = parser.parse_args()
    quiet_libraries()
    began = time.monotonic()
    build(options.out)
    print(f"{options.out}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
