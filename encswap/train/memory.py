"""Memory while training: the peak, and what would have fitted when it runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from encswap.checks.memory import RUNTIME_BYTES, training_memory
from encswap.errors import TrainingError
from encswap.recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def told_of_memory(recipe: Recipe, model: PreTrainedModel) -> Iterator[None]:
    """Turn the device's running out of memory into one line that names what would fit."""
    import torch

    try:
        yield
    except (RuntimeError, MemoryError) as error:
        full = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not full and "can't allocate memory" not in str(error):
            raise
        batch, length = recipe.batch_size, recipe.max_length
        fits = fitting_batch(model, batch, length, device_memory())
        smaller = (
            f"by the estimate batch_size {fits} fits: train anew with --set batch_size={fits} "
            f"--set gradient_accumulation={recipe.gradient_accumulation * batch // fits}"
            if fits
            else "by the estimate no batch fits: take a smaller encoder or max_length"
        )
        raise TrainingError(
            f"out of memory at batch_size {batch} and {length} subtokens",
            hint=f"{smaller}; --set gradient_checkpointing=true also saves memory",
        ) from error


def fitting_batch(model: PreTrainedModel, batch: int, length: int, room: float) -> int:
    """The largest batch below `batch` whose estimated memory in bytes has room; 0 where none."""
    import torch

    count = sum(one.numel() for one in model.parameters())
    config, half = model.encoder.config.to_dict(), torch.cuda.is_available()
    for smaller in range(batch - 1, 0, -1):
        need = training_memory(count, config, batch=smaller, length=length, half=half)
        if need.total + RUNTIME_BYTES <= room:
            return smaller
    return 0


def device_memory() -> float:
    """Bytes that the device has: the GPU's, else the machine's."""
    import os

    import torch

    if torch.cuda.is_available():
        return float(torch.cuda.get_device_properties(0).total_memory)
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def peak_memory() -> int:
    """Peak bytes of GPU memory, or of the process where there is no GPU."""
    import resource

    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
