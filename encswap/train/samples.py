"""Collation whose random choices depend on seed, epoch and samples alone.

gliner2 draws from Python's global generator while it collates, and a data loader collates ahead of
the step it is needed for: a resumed run would draw differently. Here a batch is a function of what
is in it, so an interrupted run and its resumption collate the same batches.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Sampler

from encswap.data.tasks import KINDS, training_tasks
from encswap.data.units import align, units_of
from encswap.gliner.batches import collate, mask_subtokens
from encswap.gliner.schema import schema_for
from encswap.types import Example, Mention, WordSplitter

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Sample = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Samples:
    """What goes into training, ready for gliner2's collation; usable as a map-style dataset."""

    items: tuple[Sample, ...]
    lengths: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.items)

    def __add__(self, other: Samples) -> Samples:
        return Samples((*self.items, *other.items), (*self.lengths, *other.lengths))

    def __getitem__(self, place: int) -> Sample:
        return self.items[place]


def build_samples(
    examples: Sequence[Example],
    splitter: WordSplitter,
    labels: Sequence[str],
    descriptions: Mapping[str, str],
    max_width: int | None,
) -> Samples:
    """Turn examples into samples; gold that is unaligned or too wide is left out, never snapped.

    A document that names its label set is asked for those labels alone, as gliner2 asks each
    sample for the labels it names; its other tasks go with them, and one of which nothing is left
    to be asked is no sample. A sample's name tells it apart: where an id repeats, by number.
    gliner2 would widen an offset that lies inside a word to the whole word and train that.
    """
    items, lengths = [], []
    seen: Counter[str] = Counter()
    for example in examples:
        units = units_of(splitter, example.text)
        starts, ends = [start for start, _ in units], [end for _, end in units]
        asked = [label for label in labels if example.is_annotated(label)]
        gold = [m for m in example.mentions if expressible(m, starts, ends, max_width)]
        seen[example.id] += 1
        again = f"#{seen[example.id]}" if seen[example.id] > 1 else ""
        tasks = training_tasks(
            example, partial(expressible, starts=starts, ends=ends, max_width=max_width)
        )
        if not asked and not any(tasks.get(kind) for kind in KINDS):
            continue
        schema = schema_for(asked, gold, descriptions, f"{example.id}{again}", tasks)
        items.append((example.text, schema))
        lengths.append(len(units))
    return Samples(tuple(items), tuple(lengths))


def expressible(
    mention: Mention, starts: Sequence[int], ends: Sequence[int], max_width: int | None
) -> bool:
    """Tell whether units and width can express a mention."""
    span = align(mention, starts, ends)
    if span is None:
        return False
    return max_width is None or span[1] - span[0] + 1 <= max_width


@dataclass(frozen=True)
class Collator:
    """Collates samples for training; `epoch` tells the current one, counted from 0.

    `labels` is how many labels a sample is asked for, None for all.
    """

    model: PreTrainedModel
    seed: int
    mask_share: float
    epoch: Callable[[], int]
    labels: int | None = None

    def __call__(self, items: list[Sample]) -> Any:
        """Make gliner2's batch of samples."""
        names = ",".join(str(schema["sample"]) for _, schema in items)
        with _drawn_from(f"{self.seed}/{self.epoch()}/{names}"):
            if self.labels is not None:
                items = [(text, sampled_labels(schema, self.labels)) for text, schema in items]
            batch = collate(self.model, items, training=True)
            if self.mask_share:
                mask_subtokens(self.model, batch, self.mask_share, _generator())
        return batch


def sampled_labels(schema: dict[str, Any], count: int) -> dict[str, Any]:
    """Ask a sample for its gold's labels and for others drawn at random, in random order.

    A model that is always asked for the same labels in the same order may learn their places
    instead of reading their names.
    """
    entities = schema.get("entities")
    if not entities:
        return schema
    gold = [label for label, found in entities.items() if found]
    others = [label for label, found in entities.items() if not found]
    chosen = gold + random.sample(others, min(len(others), max(0, count - len(gold))))
    if not chosen:
        chosen = others[:1]
    random.shuffle(chosen)
    return {**schema, "entities": {label: entities[label] for label in chosen}}


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
