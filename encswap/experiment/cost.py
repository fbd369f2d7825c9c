"""What a grid will cost: the bytes of its checkpoints, the seconds of its cells."""

from __future__ import annotations

import json
import shutil
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from encswap.errors import EncswapError, InputError
from encswap.experiment.cell import Task
from encswap.models import resolve
from encswap.plugins import Plugins
from encswap.recipe import Recipe, encoder_of

FLOAT = 4
STATES = 8
"""Copies of the weights on disk while a cell runs: two models, two states of three copies each."""
OVERHEAD = 4e-3
TOKENS = 128
TRAINING, SCORING = 3, 1
"""Passes over a document, in forward passes (Kaplan et al., 2020: backward costs two)."""


@dataclass(frozen=True)
class Cost:
    """Bytes that stay, bytes that a running cell needs besides, and seconds; None: not known."""

    kept: int | None
    running: int | None
    seconds: float | None
    free: int


def estimate(
    tasks: Sequence[Task], documents: Mapping[str, int], plugins: Plugins, out: Path, at_once: int
) -> Cost:
    """Estimate what the tasks cost; `documents` counts those of each file that recipes name."""
    sizes = {task.name: weights_of(task.recipe, plugins) for task in tasks}
    known = [size for size in sizes.values() if size is not None]
    kept = sum(sizes[task.name] or 0 for task in tasks if task.keep_checkpoint)
    speed = _operations_a_second()
    seconds = sum(
        passes(task.recipe, documents)
        * (OVERHEAD + 2 * (sizes[task.name] or 0) / FLOAT * TOKENS / speed)
        for task in tasks
    )
    return Cost(
        kept=kept if known else None,
        running=STATES * max(known) * at_once if known else None,
        seconds=seconds / at_once if known else None,
        free=shutil.disk_usage(_existing(out)).free,
    )


def refuse_full_disk(cost: Cost, out: Path) -> None:
    """Refuse a grid that the disk has no room for."""
    if cost.kept is None or cost.running is None:
        return
    if cost.kept + cost.running > cost.free:
        least = cost.running <= cost.free
        raise InputError(
            f"needs {told_bytes(cost.kept + cost.running)}, {told_bytes(cost.free)} are free",
            where=out,
            hint="pass --keep-checkpoints none" if least else "make room or give --out elsewhere",
        )


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

    None where the files are not at hand.
    """
    try:
        base = resolve(recipe.base, plugins, need="metadata")
        if (name := encoder_of(recipe)) is None:
            return _tensors(base.path) or _whole(base.files)
        encoder = resolve(name, plugins, scale=recipe.scale, need="metadata")
    except EncswapError:
        return None
    heads = _tensors(base.path, "encoder.")
    body = _tensors(encoder.path)
    if heads is None or body is None:  # on the hub: at most the two together
        files = {**base.files, **{f"encoder/{k}": v for k, v in encoder.files.items()}}
        return _whole(files)
    return heads + body


def _whole(files: Mapping[str, int]) -> int | None:
    return sum(size for name, size in files.items() if name.endswith(".safetensors")) or None


def _tensors(folder: Path, without: str | None = None) -> int | None:
    """Count the bytes of a folder's tensors in float32, from the headers alone."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
        for name, tensor in header.items():
            if name != "__metadata__" and not (without and name.startswith(without)):
                count = FLOAT
                for size in tensor["shape"]:
                    count *= size
                total += count
    return total or None


def _operations_a_second() -> float:
    """How fast this machine multiplies matrices, from a few tenths of a second of it."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    one = torch.ones(256, 256, device=device)
    one @ one
    began, done = time.monotonic(), 0
    while time.monotonic() - began < 0.1:
        float((one @ one)[0, 0])
        done += 1
    return done * 2 * 256**3 / (time.monotonic() - began)


def _existing(path: Path) -> Path:
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.is_dir())


def told_bytes(count: int) -> str:
    """Write bytes for a person."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def told_seconds(seconds: float) -> str:
    """Write a duration for a person."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
