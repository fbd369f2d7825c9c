"""The headers of safetensors files, read before any tensor is: names, types, shapes, places."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.errors import SourceError

if TYPE_CHECKING:
    import torch

MOST_HEADER = 100_000_000
BITS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "F8_E8M0": 8, "C64": 64}
BITS |= {f"{sign}{bits}": bits for sign in "IU" for bits in (8, 16, 32, 64)}
BITS |= {"F8_E5M2": 8, "F8_E4M3": 8, "F16": 16, "BF16": 16, "F32": 32, "F64": 64}
Shape = tuple[int, ...]


def read_shapes(path: Path) -> dict[str, Shape]:
    """Read the shape of every tensor of a file from its header; raises `SourceError`.

    The header must be one JSON object without a repeated name, and each tensor must lie inside the
    file in exactly the bytes that its type and shape take.
    """
    if not path.is_file():  # to open a pipe is to wait for one that writes
        raise SourceError("is no file of weights", where=path)
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= min(size - 8, MOST_HEADER):
            raise SourceError("is no safetensors file: it is cut, or its header is", where=path)
        text = file.read(length)
    try:
        header = json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"its header cannot be read: {error}", where=path) from error
    if not isinstance(header, dict):
        raise SourceError("its header is no JSON object", where=path)
    header.pop("__metadata__", None)
    room = size - 8 - length
    return {name: _shape(name, one, room, path) for name, one in header.items()}


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key[:80]!r} stands there twice")
        found[key] = value
    return found


def _shape(name: str, entry: Any, room: int, path: Path) -> Shape:
    entry = entry if isinstance(entry, dict) else {}
    kind, shape, place = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    fits = _is_counts(shape) and _is_counts(place) and len(place) == 2 and kind in BITS
    if not fits or place[1] > room or 8 * (place[1] - place[0]) != BITS[kind] * math.prod(shape):
        raise SourceError(f"tensor {name[:80]!r} does not fit the file that holds it", where=path)
    return tuple(shape)


def _is_counts(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    return all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in value)


def refuse_broken_weights(folder: Path) -> None:
    """Read every header of a folder; the first that is broken is refused."""
    for path in sorted(folder.glob("*.safetensors")):
        read_shapes(path)


def refuse_more_than_held(folder: Path, wanted: int) -> None:
    """Refuse a config that asks for more parameters than the files have bytes.

    The smallest number takes a byte, so such a model would be mostly drawn, and only fill memory.
    """
    files = [*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")]
    held = sum(path.stat().st_size for path in files)
    if wanted > held:
        raise SourceError(
            f"its config asks for {wanted:,} weights, its files have {held:,} bytes",
            where=folder,
            hint="config.json and the weights belong to different models",
        )


def refuse_not_finite(tensors: Iterable[tuple[str, torch.Tensor]], where: Path) -> None:
    """Name the first tensor that holds NaN or an infinite value; raises `SourceError`."""
    for name, tensor in tensors:
        if tensor.is_floating_point() and tensor.numel() and not _is_finite(tensor):
            raise SourceError(
                f"weight {name} holds values that are not finite",
                where=where,
                hint="the training that wrote it broke, or the file is damaged",
            )


def _is_finite(tensor: torch.Tensor) -> bool:
    """Tell by two reductions, without a mask as large as the tensor."""
    import torch

    return all(bool(torch.isfinite(end)) for end in torch.aminmax(tensor.detach()))
