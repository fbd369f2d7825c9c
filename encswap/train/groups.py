"""The default `build_param_groups`: encoder and heads, each with and without weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from encswap.domain import ParamGroup, ParamGroupSettings
from encswap.errors import TrainingError
from encswap.hookspecs import hookimpl

if TYPE_CHECKING:
    import torch


@hookimpl(trylast=True)
def build_param_groups(
    model: torch.nn.Module, settings: ParamGroupSettings
) -> list[ParamGroup] | None:
    """Four groups: encoder and heads, with decay on matrices, without on biases and norms."""
    divided: dict[tuple[bool, bool], list[tuple[str, torch.nn.Parameter]]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (name.startswith("encoder."), parameter.ndim > 1)
            divided.setdefault(key, []).append((name, parameter))
    return [
        ParamGroup(
            name=("encoder" if encoder else "heads") + ("" if decay else ", no decay"),
            parameters=tuple(divided[encoder, decay]),
            learning_rate=settings.encoder_lr if encoder else settings.head_lr,
            weight_decay=settings.weight_decay if decay else 0.0,
        )
        for encoder, decay in sorted(divided, reverse=True)
    ]


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
