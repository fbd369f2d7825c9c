"""From one format to another, one example at a time, with an account of what was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from encswap.data.formats.table import Loss
from encswap.data.formats.tags import padded
from encswap.data.locate import Repair
from encswap.data.notes import Note, Notes
from encswap.data.options import ReadOptions
from encswap.data.readers import iter_examples, known_format
from encswap.data.writers import write_examples
from encswap.domain import Example


@dataclass(frozen=True)
class Conversion:
    """How many examples were written, gold strings repaired, and what the format dropped."""

    examples: int
    repaired: int
    lost: Mapping[Loss, int]
    notes: tuple[Note, ...] = ()


def convert(
    source: Path,
    target: Path,
    to: str,
    format: str = "auto",  # noqa: A002
    *,
    options: ReadOptions | None = None,
) -> Conversion:
    """Write the examples of `source` to `target` in the format `to`; `target` must not exist."""
    lost: Counter[Loss] = Counter()
    repaired: Counter[str] = Counter()
    drops = known_format(to).drops

    def counted() -> Iterator[Example]:
        for example in iter_examples(source, format, options=options, notes=notes):
            found = _losses(example)
            lost.update({loss: found[loss] for loss in drops if found[loss]})
            yield example

    def notice(where: str, _repair: Repair) -> None:
        repaired[where] += 1

    notes = Notes(on_repair=notice)
    count = write_examples(counted(), target, to, source=source)
    return Conversion(count, repaired.total(), dict(lost), tuple(notes))


def _losses(example: Example) -> dict[Loss, int]:
    """Count what a poorer format would drop of an example."""
    gold = {one.label for one in example.mentions} | {one.label for one in example.unlocated}
    named = example.id.rpartition(":")[2] != str(example.line)
    return {
        "descriptions": len(example.descriptions),
        "empty labels": len(set(example.labels) - gold),
        "ids": int(named),
        "spaces": sum(padded(mention) for mention in example.mentions),
    }
