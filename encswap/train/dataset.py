"""Training samples: texts with gold by offsets, and what gold the units cannot express."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encswap.data.units import align, units_of
from encswap.domain import Example, Mention, WordSplitter
from encswap.swap import gliner

Sample = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Samples:
    """What goes into training, ready for gliner2's collation; usable as a map-style dataset."""

    items: tuple[Sample, ...]
    lengths: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.items)

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
    sample for the labels it names. A sample's name tells it apart: where an id repeats, by number.
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
        schema = gliner.schema_for(asked, gold, descriptions, sample=f"{example.id}{again}")
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
