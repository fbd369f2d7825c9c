"""Training sets of several sizes, nested in each other, with about equal shares of every label."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from encswap.data.convert import write_examples
from encswap.data.formats.table import ReadOptions
from encswap.data.input import checksum_of, find_data
from encswap.data.readers import read_examples
from encswap.errors import InputError
from encswap.types import Example

AHEAD = 32
"""Documents that are compared for the next place; more would put the odd ones last."""


def nested_order(examples: Sequence[Example], seed: int) -> list[Example]:
    """Order documents so that the labels' shares in every first N are near those of the whole.

    Of the next few in random order, the one is taken that brings the shares nearest.
    """
    waiting = list(examples)
    random.Random(seed).shuffle(waiting)
    waiting.reverse()
    overall = _labels(waiting)
    total = max(sum(overall.values()), 1)
    wanted = {label: count / total for label, count in overall.items()}
    near: list[tuple[Example, Counter[str]]] = []
    order: list[Example] = []
    taken: Counter[str] = Counter()
    while waiting or near:
        while waiting and len(near) < AHEAD:
            example = waiting.pop()
            near.append((example, _labels([example])))
        place = min(range(len(near)), key=lambda one: _distance(taken + near[one][1], wanted))
        example, labels = near.pop(place)
        order.append(example)
        taken += labels
    return order


def _labels(examples: Sequence[Example]) -> Counter[str]:
    return Counter(mention.label for example in examples for mention in example.mentions)


def _distance(labels: Counter[str], wanted: Mapping[str, float]) -> float:
    total = max(sum(labels.values()), 1)
    return sum(abs(labels[label] / total - share) for label, share in wanted.items())


def subset_file(
    train: str, size: int, seed: int, folder: Path, options: ReadOptions | None = None
) -> Path:
    """Write the first `size` documents of a seed's order into `folder`, once, and return the file.

    Raises `InputError` where there are fewer.
    """
    source = find_data(train)
    path = folder / f"{source.stem}-{checksum_of(source)[:8]}-n{size}-s{seed}.jsonl"
    if path.is_file():
        return path
    examples = read_examples(source, options=options)
    if size > len(examples):
        raise InputError(
            f"has {len(examples)} documents, not {size}", where=source, hint="write sizes: [all]"
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        write_examples(nested_order(examples, seed)[:size], path, "spans", source=source)
    except InputError:
        if not path.is_file():  # another process of the grid has written the same
            raise
    return path
