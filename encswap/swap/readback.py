"""A checkpoint loaded and asked, before it goes anywhere: what loads here loads elsewhere."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.errors import EncswapError, SourceError
from encswap.swap.saved import load

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SAMPLE = "Metformin 500 mg was given for type 2 diabetes."
JSON_FILES = (
    "encswap.json",
    "config.json",
    "encoder_config/config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)


def prove_checkpoint(folder: Path, labels: Sequence[str] = ()) -> None:
    """Load a checkpoint with its splitter and ask it.

    Raises `SourceError`, one line, where a file is missing, cut off or no JSON object, where a
    weight is missing or not finite, and where the model cannot be loaded or asked.
    """
    for name in JSON_FILES:
        _refuse_no_object(folder, name)
    keys = _tensors(folder / "model.safetensors")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = load(folder)
            _refuse_gaps(model, keys, folder)
            model.extract_entities(SAMPLE, list(labels) or ["entity"], threshold=0.01)
    except EncswapError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise SourceError(f"does not work: {type(error).__name__}: {said}", where=folder) from error


def _refuse_no_object(folder: Path, name: str) -> None:
    path = folder / name
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SourceError(f"has no {name}", where=folder) from error
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"is cut off or no JSON: {error}", where=path) from error
    if not isinstance(value, dict) or not value:
        shown = json.dumps(value)[:40]
        raise SourceError(f"holds {shown}, not a JSON object", where=path)


def _tensors(path: Path) -> set[str]:
    """Read every tensor, and return their names; the file must be whole."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise SourceError("holds no model.safetensors", where=path.parent)
    found = set()
    try:
        with safe_open(str(path), framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is no dictionary
                tensor = file.get_tensor(name)
                if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                    raise SourceError(f"holds a weight that is not finite: {name}", where=path)
                found.add(name)
    except (SafetensorError, OSError) as error:
        raise SourceError(f"is no whole safetensors file: {error}", where=path) from error
    return found


def _refuse_gaps(model: PreTrainedModel, keys: set[str], folder: Path) -> None:
    """Refuse weights that gliner2 has drawn at random, for the file lacks them."""
    state: dict[str, Any] = model.state_dict()
    held = {state[name].data_ptr() for name in keys if name in state}
    gaps = sorted(name for name in state.keys() - keys if state[name].data_ptr() not in held)
    if gaps:
        raise SourceError(
            f"lacks {len(gaps)} of its model's weights, first {gaps[0]}",
            where=folder / "model.safetensors",
        )
