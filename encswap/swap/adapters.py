"""LoRA adapters on a model, by gliner2's target names, and the plain model that they amount to."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from encswap.errors import InputError
from encswap.swap.gliner import layers_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def add_adapters(
    model: PreTrainedModel, *, rank: int, alpha: float, dropout: float, targets: Sequence[str]
) -> None:
    """Put adapters into the layers that `targets` name, in place; all other weights are frozen.

    Raises `InputError` where a target names nothing.
    """
    for target in targets:
        if not layers_of(model, target):
            raise InputError(
                f"lora_targets: {target!r} names no linear layer of this model",
                hint="encoder, encoder.query, all_task_heads, classification_head, "
                f"extractive_head, {', '.join(model.task_module_names())}",
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by an old name
        model.apply_lora(r=rank, alpha=alpha, dropout=dropout, targets=list(targets))


def without_adapters(model: PreTrainedModel) -> PreTrainedModel:
    """Merge the adapters into a copy, a plain model again; one that has none is returned."""
    if not any(_adapted(model)):
        return model
    merged = copy.deepcopy(model)
    for name, layer in list(_adapted(merged)):
        layer.merge()
        parent, _, own = name.rpartition(".")
        setattr(merged.get_submodule(parent), own, layer.get_base_layer())
    return merged


def _adapted(model: PreTrainedModel) -> Iterator[tuple[str, Any]]:
    from peft.tuners.lora import LoraLayer

    for name, module in model.named_modules():
        if isinstance(module, LoraLayer):
            yield name, module
