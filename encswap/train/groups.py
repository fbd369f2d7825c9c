"""The default `build_param_groups`: encoder and heads, each with and without weight decay."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from encswap.errors import TrainingError
from encswap.hookspecs import hookimpl
from encswap.types import ParamGroup, ParamGroupSettings

if TYPE_CHECKING:
    import torch

ENCODER = "encoder."
_LAYER = re.compile(r"\.layers?\.(\d+)\.")
_ADAPTER = ".lora_"


@hookimpl(trylast=True)
def build_param_groups(
    model: torch.nn.Module, settings: ParamGroupSettings
) -> list[ParamGroup] | None:
    """Encoder and heads, with decay on matrices, without on biases and norms.

    Where layers decay, each layer of the encoder has groups of its own, the embeddings below all.
    Adapters train at the heads' rate, as gliner2's do.
    """
    named = [(name, one) for name, one in model.named_parameters() if one.requires_grad]
    top = max((_layer(name) for name, _ in named if name.startswith(ENCODER)), default=0) + 1
    divided: dict[tuple[str, float, bool], list[tuple[str, torch.nn.Parameter]]] = {}
    for name, parameter in named:
        part, rate = _part(name, settings, top)
        divided.setdefault((part, rate, parameter.ndim > 1), []).append((name, parameter))
    return [
        ParamGroup(
            name=part + ("" if decay else ", no decay"),
            parameters=tuple(parameters),
            learning_rate=rate,
            weight_decay=settings.weight_decay if decay else 0.0,
        )
        for (part, rate, decay), parameters in divided.items()
    ]


def _part(name: str, settings: ParamGroupSettings, top: int) -> tuple[str, float]:
    """Name the group of a parameter and give its learning rate."""
    if _ADAPTER in name:
        return "adapters", settings.head_lr
    if not name.startswith(ENCODER):
        return "heads", settings.head_lr
    if settings.layer_decay == 1.0:
        return "encoder", settings.encoder_lr
    layer = _layer(name)
    if name.startswith(f"{ENCODER}embeddings"):
        part, below = "encoder embeddings", top
    elif layer >= 0:
        part, below = f"encoder layer {layer}", top - 1 - layer
    else:
        part, below = "encoder", 0
    return part, settings.encoder_lr * settings.layer_decay**below


def _layer(name: str) -> int:
    """The number of the layer that a parameter lies in, from 0 at the bottom; -1 outside all."""
    found = _LAYER.search(name)
    return int(found.group(1)) if found else -1


def refuse_bad_cover(model: torch.nn.Module, groups: Iterable[ParamGroup]) -> None:
    """Refuse groups that leave out a trainable parameter, or hold one twice."""
    seen: dict[int, str] = {}
    for group in groups:
        for name, parameter in group.parameters:
            if id(parameter) in seen:
                raise TrainingError(
                    f"parameter {name} is in two groups: {seen[id(parameter)]}, {group.name}"
                )
            seen[id(parameter)] = group.name
    trainable = {id(p): name for name, p in model.named_parameters() if p.requires_grad}
    for number, name in trainable.items():
        if number not in seen:
            raise TrainingError(f"parameter {name} is in no group and would never be trained")
    if set(seen) - set(trainable):
        raise TrainingError("a group holds a parameter that is not the model's own")
