"""Sizes that no model has, refused before any library builds something of that size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from encswap.safety.json_files import UnreadableError, walk

MOST_MODULES = 100_000
MOST_LAYERS = 256
CEILINGS = {
    "vocab_size": 10**7,
    "max_position_embeddings": 2**24,
    "n_positions": 2**24,
    "num_attention_heads": 1024,
    "num_labels": 10_000,
    "hidden_size": 2**16,
    "intermediate_size": 2**20,
    "max_width": 1024,
}
SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")
MORE_SIZES = ("intermediate_size", "max_position_embeddings", "embedding_size", "max_width")
USUAL_CEILING = 2**24
COUNT_CEILING = 4096
# Settings of a boundary head: dimensions, and how many candidates are kept.
HEAD_CEILING = 2**16
WIDTHS_NAMED_N = {"n_embd", "n_inner", "n_ctx", "n_positions"}


def refuse_sizes(config: Mapping[str, Any]) -> None:
    """Refuse a config, nested ones included, whose numbers no model has.

    Raises `UnreadableError`.
    """
    modules = 1
    for path, key, value in walk(config):
        if key in SIZES and _is_no_count(value):
            raise UnreadableError(f"says {path} is {_shown(value)}, not a whole number")
        if key in MORE_SIZES and _is_no_count(value) and not isinstance(value, list | None):
            raise UnreadableError(f"says {path} is {_shown(value)}, not a whole number")
        if isinstance(value, float) and not math.isfinite(value):
            raise UnreadableError(f"says {path} is {value}, not a number")
        if isinstance(value, bool) or not isinstance(value, int):
            continue
        ceiling = _ceiling(path, key)
        if value > ceiling or value < -USUAL_CEILING:
            raise UnreadableError(f"says {path} is {_shown(value)}, more than {ceiling:,}")
        if key in (*SIZES, *MORE_SIZES) and value <= 0:
            raise UnreadableError(f"says {path} is {value}")
        if _is_count(key) and key not in {"num_labels", "num_attention_heads"}:
            modules *= max(value, 1)
    if modules > MOST_MODULES:
        raise UnreadableError(f"asks for {modules:,} modules, more than any model's")


def _ceiling(path: str, key: str) -> int:
    if key in CEILINGS:
        return CEILINGS[key]
    if key.endswith("layers") or key == "n_layer":
        return MOST_LAYERS
    if path.startswith(("boundary_head.", "span_head.")) and not key.endswith("_elements"):
        return HEAD_CEILING
    return COUNT_CEILING if _is_count(key) else USUAL_CEILING


def _is_count(key: str) -> bool:
    return key.startswith(("num_", "n_")) and key not in WIDTHS_NAMED_N


def _is_no_count(value: object) -> bool:
    return not isinstance(value, int) or isinstance(value, bool)


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        # Python refuses to print a number of more than 4,300 digits.
        return f"{value:,}" if abs(value) < 10**30 else "a number of more than thirty digits"
    return repr(str(value)[:40])
