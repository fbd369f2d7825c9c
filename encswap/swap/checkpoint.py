"""Load a checkpoint with its splitter and threshold, and prove that it works before an upload."""

from __future__ import annotations

import functools
import inspect
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.errors import EncswapError, SourceError
from encswap.gliner.model import read_model
from encswap.gliner.schema import guard_labels, with_own_thresholds
from encswap.manifest import SplitterRecord, describe_splitter
from encswap.quiet import quiet
from encswap.types import WordSplitter

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load(folder: str | Path) -> PreTrainedModel:
    """Load a checkpoint written by encswap: a gliner2 model with splitter and threshold in place.

    `folder` may be a hub id too, OWNER/NAME or OWNER/NAME@REVISION. A file that the splitter needs,
    such as a user dictionary, is taken from the folder where it is not at its place any more. The
    threshold is the default of the extraction methods' `threshold`
    argument, and their `entity_types` are made distinct, in NFC. Raises `SourceError` where
    the folder is no checkpoint or its splitter is not installed.
    """
    from encswap.manifest import read_manifest
    from encswap.models import find_checkpoint
    from encswap.plugins import load_plugins

    with quiet():
        path = find_checkpoint(folder)
    manifest = read_manifest(path)
    name = manifest.splitter.name
    splitter = load_plugins().splitter(name, **manifest.splitter.options_at(path))
    warn_of_version(manifest.splitter, splitter)
    with quiet():
        model = read_model(checkpoint_folder(path), splitter=splitter)
    model.eval()
    guard_labels(model)
    if manifest.threshold is not None:
        set_threshold(model, manifest.threshold, manifest.thresholds)
    return model


def checkpoint_folder(folder: Path) -> Path:
    """The checkpoint of a run folder, or the folder itself."""
    inner = folder / "checkpoint"
    return inner if inner.is_dir() else folder


def warn_of_version(recorded: SplitterRecord, splitter: WordSplitter) -> None:
    """Warn where the analyser differs from the one that the model was trained with."""
    now = describe_splitter(recorded.name, splitter, recorded.options)
    if now.versions != recorded.versions:
        warnings.warn(
            f"splitter {recorded.name!r} was trained with {recorded.versions}, "
            f"this is {now.versions}: its units may differ",
            stacklevel=3,
        )


def set_threshold(
    model: PreTrainedModel, threshold: float, own: Mapping[str, float] | None = None
) -> None:
    """Make `threshold` the default of the model's extraction methods, and `own` that of labels.

    gliner2 takes a label's own threshold beside its description; a call that names a threshold, of
    all labels or of one, goes first.
    """
    for name in dir(type(model)):
        method = getattr(type(model), name)
        if callable(method) and "extract" in name and not name.startswith("_"):
            signature = inspect.signature(method)
            if "threshold" in signature.parameters:
                setattr(model, name, _with_threshold(getattr(model, name), threshold, own or {}))


def _with_threshold(
    method: Callable[..., Any], threshold: float, own: Mapping[str, float]
) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @functools.wraps(method)
    def call(*arguments: Any, **options: Any) -> Any:
        bound = signature.bind(*arguments, **options)
        types = bound.arguments.get("entity_types")
        if own and types is not None and "threshold" not in bound.arguments:
            bound.arguments["entity_types"] = with_own_thresholds(types, own)
        bound.arguments.setdefault("threshold", threshold)
        return method(*bound.args, **bound.kwargs)

    return call


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
    weight is missing or not finite, and where the model cannot be loaded or run.
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
        message = " ".join(str(error).split())[:300]
        raise SourceError(
            f"does not work: {type(error).__name__}: {message}", where=folder
        ) from error


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
