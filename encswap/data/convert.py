"""From one format to another, one example at a time, with an account of what was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from encswap.data.formats.shapes import KEPT_TASKS, LOST, TASKS
from encswap.data.formats.table import Format, Loss
from encswap.data.formats.tags import padded
from encswap.data.gold import label_set
from encswap.data.locate import Repair
from encswap.data.notes import Note, Notes
from encswap.data.options import ReadOptions
from encswap.data.readers import iter_examples, known_format
from encswap.data.writers import write_examples
from encswap.domain import Example, Mention
from encswap.errors import InputError

LOSSES: dict[Loss, str] = {
    "descriptions": "descriptions of labels",
    "empty labels": "labels without gold",
    "ids": "ids",
    "label sets": "sets of labels that records were annotated for",
    "overlaps": "mentions that overlap another",
    "spaces": "pieces of white space around mentions",
    "tasks": "tasks beside entities",
    "unlocated": "gold strings that are not in their text",
}
LIGHT: tuple[Loss, ...] = ("ids", "spaces")
"""What is dropped without being asked: no example means less without it."""


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
    drop: bool = False,
) -> Conversion:
    """Write the examples of `source` to `target` in the format `to`; `target` must not exist.

    Raises InputError, and writes nothing, where gold, labels or descriptions would be lost, unless
    `drop` says that they may.
    """
    lost: Counter[Loss] = Counter()
    repaired: Counter[str] = Counter()
    chosen = known_format(to)

    def counted() -> Iterator[Example]:
        for example in iter_examples(source, format, options=options, notes=notes):
            found = _losses(example)
            lost.update({loss: found[loss] for loss in chosen.losses if found[loss]})
            yield _reduced(example, chosen) if drop else example
        if not drop:
            _refuse(lost, notes, source, to)

    def notice(where: str, _repair: Repair) -> None:
        repaired[where] += 1

    notes = Notes(on_repair=notice)
    count = write_examples(counted(), target, to, source=source)
    kept = "tasks" in chosen.keeps
    told = tuple(note for note in notes if note.kind != KEPT_TASKS or not kept)
    return Conversion(count, repaired.total(), dict(lost), told)


def _losses(example: Example) -> Mapping[Loss, int]:
    """Count what a poorer format would drop of an example."""
    gold = {one.label for one in example.mentions} | {one.label for one in example.unlocated}
    named = example.id.rpartition(":")[2] != str(example.line)
    return {
        "descriptions": len(example.descriptions),
        "empty labels": len(set(example.labels) - gold),
        "ids": int(named),
        "label sets": int(example.annotated is not None and label_set(example) is not None),
        "overlaps": len(example.mentions) - len(_flat(example.mentions)),
        "spaces": sum(padded(mention) for mention in example.mentions),
        "tasks": sum(len(example.tasks.get(key, ())) for key in TASKS),
        "unlocated": len(example.unlocated),
    }


def _reduced(example: Example, chosen: Format) -> Example:
    """Return an example without what the format refuses to hold."""
    if "unlocated" in chosen.losses:
        example = replace(example, unlocated=())
    if "overlaps" in chosen.losses:
        example = replace(example, mentions=_flat(example.mentions))
    return example


def _flat(mentions: tuple[Mention, ...]) -> tuple[Mention, ...]:
    """Keep, of mentions that overlap, the longer ones."""
    kept: list[Mention] = []
    for one in sorted(mentions, key=lambda one: (one.start - one.end, one)):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return tuple(sorted(kept))


def _refuse(lost: Mapping[Loss, int], notes: Notes, source: Path, to: str) -> None:
    """Refuse a conversion that would lose what changes what an example means."""
    told = (*LIGHT, "tasks")
    losses = [f"{count:,} {LOSSES[loss]}" for loss, count in lost.items() if loss not in told]
    kinds = (*LOST, KEPT_TASKS) if "tasks" in lost else LOST
    losses += [str(note) for note in notes if note.kind in kinds]
    if losses:
        raise InputError(
            f"{to} would not hold all of it: {'; '.join(losses)}",
            where=source,
            hint="pass --drop to leave this out, or convert to 'spans', which holds the most",
        )
