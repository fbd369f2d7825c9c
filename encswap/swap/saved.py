"""Reading back what encswap wrote: a gliner2 model with its splitter and threshold in place."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.domain import WordSplitter
from encswap.manifest import SplitterRecord, describe_splitter
from encswap.swap.gliner import read_model
from encswap.swap.labels import guard_labels

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load(folder: str | Path) -> PreTrainedModel:
    """Load a checkpoint written by encswap: a gliner2 model with splitter and threshold in place.

    A file that the splitter needs, such as a user dictionary, is taken from the folder where it is
    not at its place any more. The threshold is the default of the extraction methods' `threshold`
    argument, and their `entity_types` are asked for once each, in NFC. Raises `SourceError` where
    the folder is no checkpoint or its splitter is not installed.
    """
    from encswap.manifest import read_manifest
    from encswap.plugins import load_plugins

    manifest = read_manifest(Path(folder))
    name = manifest.splitter.name
    splitter = load_plugins().splitter(name, **manifest.splitter.options_at(Path(folder)))
    warn_of_version(manifest.splitter, splitter)
    model = read_model(checkpoint_folder(Path(folder)), splitter=splitter)
    model.eval()
    guard_labels(model)
    if manifest.threshold is not None:
        set_threshold(model, manifest.threshold)
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


def set_threshold(model: PreTrainedModel, threshold: float) -> None:
    """Make `threshold` the default of the model's extraction methods."""
    for name in dir(type(model)):
        method = getattr(type(model), name)
        if callable(method) and "extract" in name and not name.startswith("_"):
            signature = inspect.signature(method)
            if "threshold" in signature.parameters:
                setattr(model, name, _with_threshold(getattr(model, name), threshold))


def _with_threshold(method: Callable[..., Any], threshold: float) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @functools.wraps(method)
    def call(*arguments: Any, **options: Any) -> Any:
        bound = signature.bind(*arguments, **options)
        bound.arguments.setdefault("threshold", threshold)
        return method(*bound.args, **bound.kwargs)

    return call
