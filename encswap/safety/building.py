"""Configs and models built with the classes that transformers itself ships, and no others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from encswap.errors import SourceError
from encswap.safety.json_files import UnreadableError
from encswap.safety.no_code import fenced
from encswap.safety.sizes import SIZES, refuse_sizes

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

SHIPPED = "transformers."


def build_config(fields: Mapping[str, Any], **changes: Any) -> PreTrainedConfig:
    """Build the config that `model_type` names among transformers' own; nothing is imported for it.

    Raises `SourceError` where the built object asks for code, is of a class from elsewhere, or
    holds models inside, and what transformers raises where it refuses a field.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES

    values = {**fields, **changes}
    kind = values.pop("model_type", None)
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING_NAMES:
        raise SourceError(
            f"model_type {str(kind)[:80]!r} is no class of the installed transformers"
        )
    try:
        refuse_sizes(values)
    except UnreadableError as error:
        raise SourceError(f"the config {error}") from error
    with fenced():
        config = CONFIG_MAPPING[kind](**values)
    refuse_built(config)
    return config


def refuse_built(config: PreTrainedConfig) -> None:
    """Judge a config as transformers will see it: by its attributes, whatever the file said."""
    for place, one in _configs(config, type(config).__name__):
        if not type(one).__module__.startswith(SHIPPED):
            raise SourceError(f"{place} is a class from elsewhere: {type(one).__module__}")
        if one.attribute_map is not type(one).attribute_map or "attribute_map" in vars(one):
            raise SourceError(f"{place} renames its attributes, which can name code")
        if getattr(one, "auto_map", None):
            raise SourceError(f"{place} asks for code of its own, which encswap does not run")
    inner = [key for key in type(config).sub_configs if getattr(config, key, None) is not None]
    if inner:
        raise SourceError(f"{type(config).__name__} holds models inside ({', '.join(inner)})")
    # A class may know a size by another name.
    named = {key: getattr(config, key, None) for key in SIZES}
    try:
        refuse_sizes({key: value for key, value in named.items() if value is not None})
    except UnreadableError as error:
        raise SourceError(f"the config {error}") from error


def _configs(value: Any, place: str, depth: int = 0) -> Iterator[tuple[str, PreTrainedConfig]]:
    from transformers import PreTrainedConfig

    if isinstance(value, PreTrainedConfig):
        yield place, value
        inside: Any = vars(value).items()
    elif isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list | tuple):
        inside = enumerate(value)
    else:
        return
    if depth < 20:
        for key, one in inside:
            yield from _configs(one, f"{place}.{key}", depth + 1)


def build_model(
    config: PreTrainedConfig, *, attention: str | None = None, meta: bool = False
) -> PreTrainedModel:
    """Draw a model of transformers' own class for a config; on the meta device it takes no memory.

    `attention` is "sdpa" or "eager"; None leaves the choice to transformers.
    """
    from transformers.models.auto.modeling_auto import MODEL_MAPPING, AutoModel

    refuse_built(config)
    if type(config) not in MODEL_MAPPING:
        raise SourceError(f"{type(config).__name__} has no plain model in transformers")
    options = {} if attention is None else {"attn_implementation": attention}
    with fenced(), without_memory() if meta else contextlib.nullcontext():
        model: PreTrainedModel = AutoModel.from_config(config, trust_remote_code=False, **options)
    if not type(model).__module__.startswith(SHIPPED):
        raise SourceError(f"{type(model).__name__} is a class from elsewhere")
    return model


@contextlib.contextmanager
def without_memory() -> Iterator[None]:
    """Build on the meta device, with shapes and no bytes, and draw no random number."""
    import torch

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        yield


def count_parameters(config: PreTrainedConfig) -> int:
    """Count the parameters that a config asks for, without allocating any."""
    return sum(one.numel() for one in build_model(config, meta=True).parameters())
