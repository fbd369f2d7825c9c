"""gliner2's models built round an encoder that encswap built itself.

gliner2 builds the encoder inside its constructor, with `trust_remote_code=True`, from a name or
from a config that may name code. It is never let do that here.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.domain import WordSplitter
from encswap.errors import SourceError
from encswap.safety.building import build_config, build_model, without_memory
from encswap.safety.no_code import fenced
from encswap.safety.weights import read_shapes, refuse_more_than_held, refuse_not_finite

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

WEIGHTS = "model.safetensors"


def build(
    config: Any,
    encoder_config: PreTrainedConfig,
    tokenizer: PreTrainedTokenizerFast,
    splitter: WordSplitter | None,
    *,
    meta: bool = False,
) -> PreTrainedModel:
    """Build a model of the class that `config` names, its weights drawn as gliner2 draws them."""
    from gliner2 import BoundaryExtractor, SpanExtractor

    from encswap.gliner.processor import make_safe

    kind = BoundaryExtractor if config.architecture == "boundary" else SpanExtractor
    model: PreTrainedModel = kind.__new__(kind)
    # Its constructor asks `self._load_encoder`, and finds this one before that of its class.
    object.__setattr__(model, "_load_encoder", _encoder_builder(encoder_config, meta=meta))
    with fenced(), without_memory() if meta else contextlib.nullcontext():
        model.__init__(
            config, encoder_config=encoder_config, tokenizer=tokenizer, word_splitter=splitter
        )
    object.__delattr__(model, "_load_encoder")
    make_safe(model.processor)
    return model


def _encoder_builder(config: PreTrainedConfig, *, meta: bool) -> Callable[..., PreTrainedModel]:
    """Build the encoder as gliner2 does: by SDPA where its class has it, in float32."""

    def load_encoder(*_arguments: Any, **_options: Any) -> PreTrainedModel:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"`torch\.jit\.script` is not supported")
            try:
                return build_model(config, attention="sdpa", meta=meta).float()
            except (TypeError, ValueError, ImportError):
                return build_model(config, attention="eager", meta=meta).float()

    return load_encoder


def read_checkpoint(
    folder: Path,
    settings: Mapping[str, Any],
    encoder_settings: Mapping[str, Any],
    tokenizer: PreTrainedTokenizerFast,
    splitter: WordSplitter | None,
) -> PreTrainedModel:
    """Build the model that a checkpoint's configs describe, and put its weights in.

    It is first built without memory and compared with the header of the weights, so that a config
    that lies costs nothing. Raises `SourceError` where they differ or a weight is not finite.
    """
    from gliner2.configuration import ExtractorConfig
    from gliner2.models.loading import reconcile_encoder_embeddings
    from safetensors.torch import load_file

    config = ExtractorConfig.from_dict({**settings, "name_or_path": str(folder)})
    encoder_config = build_config(encoder_settings)
    shapes = read_shapes(folder / WEIGHTS)
    empty = build(config, encoder_config, tokenizer, splitter, meta=True)
    _refuse_other_shapes(empty, shapes, folder)
    model = build(config, encoder_config, tokenizer, splitter)
    state = load_file(folder / WEIGHTS)
    reconcile_encoder_embeddings(model, state)
    model.load_state_dict(state)
    refuse_not_finite(model.state_dict().items(), folder)
    # As gliner2's own loader does: peft writes this name into its adapters.
    model.config._name_or_path = str(folder)
    model.name_or_path = str(folder)
    return model


def _refuse_other_shapes(
    model: PreTrainedModel, shapes: Mapping[str, tuple[int, ...]], folder: Path
) -> None:
    refuse_more_than_held(folder, sum(one.numel() for one in model.parameters()))
    asked = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name in sorted(asked.keys() | shapes.keys()):
        wanted, held = asked.get(name), shapes.get(name)
        # gliner2 itself makes the rows of this one table fit.
        table = name.endswith("word_embeddings.weight")
        reconciled = table and held and wanted and held[1:] == wanted[1:]
        if held != wanted and not reconciled:
            raise SourceError(
                f"weight {name} is {_shown(held)}, its config asks for {_shown(wanted)}",
                where=folder / WEIGHTS,
                hint="config.json and the weights belong to different models",
            )


def _shown(shape: tuple[int, ...] | None) -> str:
    return "none" if shape is None else "x".join(map(str, shape)) or "a number"
