"""The order in which samples are trained: a function of seed, epoch and lengths alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

WINDOW = 50
"""Batches whose samples are sorted by length together; more would order a small set too much."""


class Order(Sampler[int]):
    """Samples in random order; grouped, those of like length share a batch and little is padded.

    `batch` counts the samples of one step over all processes, so that the order is the same
    whether one process takes a step's samples or several share them.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int, *, grouped: bool) -> None:
        self.lengths, self.batch, self.seed, self.grouped = lengths, batch, seed, grouped
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, counted from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        if not self.grouped:
            yield from order
            return
        whole: list[list[int]] = []
        rest: list[list[int]] = []
        for start in range(0, len(order), self.batch * WINDOW):
            window = sorted(order[start : start + self.batch * WINDOW], key=self._length)
            for first in range(0, len(window), self.batch):
                batch = window[first : first + self.batch]
                (whole if len(batch) == self.batch else rest).append(batch)
        for place in torch.randperm(len(whole), generator=generator).tolist():
            yield from whole[place]
        for batch in rest:
            yield from batch

    def _length(self, place: int) -> int:
        return -self.lengths[place]
