"""gliner2's models built round an encoder that encswap built itself.

gliner2 builds the encoder inside its constructor, with `trust_remote_code=True`, from a name or
from a config that may name code. It is never let do that here.
"""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.errors import EncswapError, SourceError, SwapError
from encswap.gliner.markers import MARKERS
from encswap.gliner.text_form import KEY, TextForm, form_of
from encswap.safety.content import refuse_hostile
from encswap.safety.headers import read_shapes, refuse_more_than_held, refuse_not_finite
from encswap.safety.trusted_classes import (
    build_config,
    build_model,
    fenced,
    load_tokenizer,
    read_config,
    without_memory,
)
from encswap.types import EmbeddingTable, LoadedEncoder, WordSplitter

if TYPE_CHECKING:
    import torch
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
    make_safe(model.processor, form_of(config))
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


def marker_tokens() -> tuple[str, ...]:
    """The schema tokens whose rows a base has trained."""
    return MARKERS


def read_model(folder: Path, *, splitter: WordSplitter | None = None) -> PreTrainedModel:
    """Load a GLiNER2 checkpoint of either architecture, from safetensors only and without code.

    The classes are plain gliner2's; the encoder is built here, with transformers' own. Raises
    `SourceError` where the folder is no such checkpoint, or asks for what it may not have.
    """
    _require_checkpoint(folder)
    refuse_hostile(folder)
    settings, encoder = read_config(folder), read_config(folder / "encoder_config")
    tokenizer = load_tokenizer(folder, folder.name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read_checkpoint(folder, settings, encoder, tokenizer, splitter)
    except EncswapError:
        raise
    except Exception as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise SourceError(f"gliner2 cannot load it: {told}", where=folder) from error


def read_plainly(folder: Path, *, splitter: WordSplitter | None = None) -> PreTrainedModel:
    """Load a checkpoint that encswap has just written with gliner2's own loader, as anyone may.

    The proof that a checkpoint needs no encswap. gliner2 allows code of the model when it builds
    the encoder, so the files are looked at first, and the fence stands.
    """
    refuse_hostile(folder)
    from gliner2 import AutoExtractor

    try:
        with warnings.catch_warnings(), fenced():
            warnings.simplefilter("ignore")
            return AutoExtractor.from_pretrained(str(folder), word_splitter=splitter)
    except Exception as error:
        raise SourceError(f"gliner2 cannot load it: {error}", where=folder) from error


def read_back(
    model: PreTrainedModel, folder: Path, *, splitter: WordSplitter | None = None
) -> PreTrainedModel:
    """Load what was saved of a model: plainly, unless it reads units in a way of its own.

    gliner2's loader would then give a model that reads them as gliner2 does.
    """
    own = form_of(model.config)
    return (read_model if own else read_plainly)(folder, splitter=splitter)


def _require_checkpoint(folder: Path) -> None:
    for name in ("config.json", "encoder_config/config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise SourceError(
                f"no {name}, so this is no GLiNER2 checkpoint",
                where=folder,
                hint="give a folder saved by gliner2, a hub id, or `--base mini`",
            )


def new_model(
    template: PreTrainedModel | None, encoder: LoadedEncoder, **settings: Any
) -> PreTrainedModel:
    """Build a model around `encoder`: of the template's class and config, or a new one.

    `settings` may name `max_width`, `token_pooling`, `text_form`, `word_splitter`, `model_name`
    and, where there is no template, any field of gliner2's config. The heads are freshly drawn; the
    encoder is the one given, not a copy.
    """
    from gliner2.configuration import ExtractorConfig

    splitter = settings.pop("word_splitter", None)
    if template is None:
        config = ExtractorConfig(**settings)
    else:
        config = _changed_config(template.config, **settings)
    model = build(config, copy.deepcopy(encoder.model.config), encoder.tokenizer, splitter)
    model.encoder = encoder.model
    return model


def _changed_config(config: Any, **settings: Any) -> Any:
    changed = copy.deepcopy(config)
    changed.model_name = settings.get("model_name", changed.model_name)
    changed.token_pooling = settings.get("token_pooling") or changed.token_pooling
    form: TextForm | None = settings.get("text_form")
    if form is not None and (form or hasattr(changed, KEY)):
        setattr(changed, KEY, form.written())
    width = settings.get("max_width")
    if width is not None and changed.architecture == "span":
        changed.max_width = width
        changed.span_head = {**changed.span_head, "max_width": width}
    return changed


def is_head(name: str) -> bool:
    """Tell whether a parameter's name is outside the encoder.

    By prefix: "encoder" also stands inside names of the boundary head.
    """
    return not name.startswith("encoder.")


def head_weights(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Copy everything of the model that is not its encoder."""
    return {
        name: tensor.detach().clone()
        for name, tensor in model.state_dict().items()
        if is_head(name)
    }


def put_heads(model: PreTrainedModel, heads: dict[str, torch.Tensor]) -> None:
    """Copy trained heads into a model; a `SwapError` names the first that does not fit."""
    own = {name: tensor for name, tensor in model.state_dict().items() if is_head(name)}
    for name in sorted(own.keys() | heads.keys()):
        if name not in own or name not in heads or own[name].shape != heads[name].shape:
            raise SwapError(
                f"head weight {name} does not fit: base {_shape(heads.get(name))}, "
                f"new {_shape(own.get(name))}",
                hint="the hidden sizes of base and encoder must be equal",
            )
    model.load_state_dict(heads, strict=False)


def _shape(tensor: torch.Tensor | None) -> str:
    return "none" if tensor is None else "x".join(str(size) for size in tensor.shape)


def embedding_table(model: PreTrainedModel) -> EmbeddingTable:
    """View a GLiNER2 model's word embeddings with its tokenizer and markers."""
    return table_of(model.encoder, model.processor.tokenizer)


def table_of(encoder: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> EmbeddingTable:
    """View an encoder's word embeddings; the markers must be single, known, distinct tokens."""
    weight = encoder.get_input_embeddings().weight.detach()
    return EmbeddingTable(weight, tokenizer, marker_ids(tokenizer))


def marker_ids(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    """Find the id of each marker; a `SwapError` where one is unknown, split or shared."""
    found: dict[str, int] = {}
    for token in marker_tokens():
        pieces = tokenizer.tokenize(token)
        number = tokenizer.convert_tokens_to_ids(token)
        if pieces != [token] or number is None or number == tokenizer.unk_token_id:
            raise SwapError(f"the tokenizer does not keep marker token {token} whole: {pieces}")
        if number in found.values():
            raise SwapError(
                f"the tokenizer gives marker token {token} an id that is taken: {number}"
            )
        found[token] = number
    return found


def add_markers(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    """Add the marker tokens to a tokenizer as gliner2 does, and return their ids."""
    tokenizer.add_special_tokens({"additional_special_tokens": list(marker_tokens())})
    return marker_ids(tokenizer)


def architecture_of(model: PreTrainedModel) -> str:
    """Name the head: `span` or `boundary`."""
    return str(model.config.architecture)


def max_width_of(model: PreTrainedModel) -> int | None:
    """The widest span in units that the head can score; None where there is no limit."""
    return int(model.max_width) if architecture_of(model) == "span" else None


def save_model(model: PreTrainedModel, folder: Path) -> None:
    """Write the checkpoint that plain gliner2 reads."""
    model.save_pretrained(str(folder))


def layers_of(model: PreTrainedModel, target: str) -> list[str]:
    """Name the linear layers that one of gliner2's LoRA targets stands for."""
    from gliner2.training.lora_targets import _resolve_targets

    names: list[str] = _resolve_targets(model, [target])
    return names


def overlap_policy(model: PreTrainedModel, wanted: str = "auto") -> str | None:
    """How overlaps are resolved: as `wanted`, or with `auto` as the model's architecture does.

    None is the span head's own greedy search, best score first.
    """
    policy: str | None = model._resolved_overlap_policy(None if wanted == "auto" else wanted)
    return policy


def put_on_device(model: PreTrainedModel) -> PreTrainedModel:
    """Move the model to the GPU where there is one."""
    import torch

    return model.to("cuda") if torch.cuda.is_available() else model
