"""What a run costs: bytes of its checkpoint and states on disk, passes over documents, hours."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from encswap import distributed as processes
from encswap.errors import EncswapError
from encswap.models import resolve
from encswap.plugins import Plugins
from encswap.recipe import Recipe, encoder_of
from encswap.safety.headers import read_shapes

FLOAT = 4
STATES = 8
"""Copies of the weights on disk while a run trains: two models, two states of three copies each."""
LEAST_STATES = 2
"""Copies without which no epoch can end: the best model, and the one that takes its place."""
TRAINING, SCORING = 3, 1
"""Passes over a document, in forward passes (Kaplan et al., 2020: backward costs two)."""


@dataclass(frozen=True)
class Speed:
    """Seconds of one update and of scoring one document, measured on this machine."""

    update: float
    score: float


def updates_of(recipe: Recipe, samples: int) -> int:
    """The optimizer's updates in one pass over the samples, all processes together."""
    batches = math.ceil(samples / (recipe.batch_size * processes.world_size()))
    return math.ceil(batches / recipe.gradient_accumulation)


def seconds_of(recipe: Recipe, updates: int, dev: int, test: int, speed: Speed) -> float:
    """Seconds of a whole run at most: every epoch, and scoring before and after training."""
    scored = recipe.epochs * dev + 3 * (dev + test)
    return recipe.epochs * updates * speed.update + scored * speed.score


def passes(recipe: Recipe, documents: Mapping[str, int]) -> float:
    """Forward passes over a document that a run makes, training counted as three."""
    train, test = documents[str(recipe.train)], documents[str(recipe.test)]
    if recipe.protocol == "plan":
        dev = test
    elif recipe.dev is not None:
        dev = documents[recipe.dev]
    else:
        dev = round(train * recipe.dev_share)
        train -= dev
    before_and_after = 3 * (dev + test)
    return recipe.epochs * (TRAINING * train + SCORING * dev) + before_and_after


def weights_of(recipe: Recipe, plugins: Plugins) -> int | None:
    """The bytes of a checkpoint's weights: the encoder's and the base's heads, in float32.

    None where the files are not at hand, or broken.
    """
    try:
        base = resolve(recipe.base, plugins, need="metadata")
        if (name := encoder_of(recipe)) is None:
            return _tensors(base.path) or _whole(base.files)
        encoder = resolve(name, plugins, scale=recipe.scale, need="metadata")
        heads = _tensors(base.path, "encoder.")
        body = _tensors(encoder.path)
    except EncswapError:  # what is broken is refused where it is loaded
        return None
    if heads is None or body is None:  # on the hub: at most the two together
        files = {**base.files, **{f"encoder/{k}": v for k, v in encoder.files.items()}}
        return _whole(files)
    return heads + body


def _whole(files: Mapping[str, int]) -> int | None:
    return sum(size for name, size in files.items() if name.endswith(".safetensors")) or None


def _tensors(folder: Path, without: str | None = None) -> int | None:
    """Count the bytes of a folder's tensors in float32, from the headers alone.

    Raises `SourceError` for a file whose header is broken.
    """
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        for name, shape in read_shapes(path).items():
            if not (without and name.startswith(without)):
                total += FLOAT * math.prod(shape)
    return total or None


def free_bytes(folder: Path) -> int:
    """Bytes that are free where a folder lies, or will lie."""
    whole = folder.absolute()
    existing = next(one for one in (whole, *whole.parents) if one.is_dir())
    return shutil.disk_usage(existing).free


def format_bytes(count: float) -> str:
    """Write bytes for a person."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def format_seconds(seconds: float) -> str:
    """Write a duration for a person."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
