"""Collation whose random choices depend on seed, epoch and samples alone.

gliner2 draws from Python's global generator while it collates, and a data loader collates ahead of
the step it is needed for: a resumed run would draw differently. Here a batch is a function of what
is in it, so an interrupted run and its resumption collate the same batches.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encswap.swap import gliner
from encswap.swap.subtokens import mask_subtokens
from encswap.train.dataset import Sample

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Collator:
    """Collates samples for training; `epoch` tells the current one, counted from 0."""

    model: PreTrainedModel
    seed: int
    mask_share: float
    epoch: Callable[[], int]

    def __call__(self, items: list[Sample]) -> Any:
        """Make gliner2's batch of samples."""
        names = ",".join(str(schema["sample"]) for _, schema in items)
        with _drawn_from(f"{self.seed}/{self.epoch()}/{names}"):
            batch = gliner.collate(self.model, items, training=True)
            if self.mask_share:
                mask_subtokens(self.model, batch, self.mask_share, _generator())
        return batch


@contextmanager
def _drawn_from(name: str) -> Iterator[None]:
    """Seed Python's global generator for a while, and put it back as it was."""
    state = random.getstate()
    random.seed(name)
    try:
        yield
    finally:
        random.setstate(state)


def _generator() -> torch.Generator:
    import torch

    return torch.Generator().manual_seed(random.getrandbits(63))
