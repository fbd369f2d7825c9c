"""From one format to another, one example at a time, with an account of what was lost."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from encswap.data.formats.fields import LOST, TASKS
from encswap.data.formats.table import FileFormat, Loss, ReadOptions
from encswap.data.formats.tags import padded, trimmed
from encswap.data.gold import label_set
from encswap.data.locate import Repair
from encswap.data.notes import Note, Notes
from encswap.data.readers import FORMATS, iter_examples, known_format
from encswap.errors import InputError, located
from encswap.files import new_file
from encswap.types import Example, Mention


def write_examples(
    examples: Iterable[Example],
    path: Path,
    format: str,  # noqa: A002
    *,
    source: Path | None = None,
) -> int:
    """Write examples as they come and return how many; on a failure no file is left.

    What was written is read back and compared before it gets its name. Raises InputError where an
    example cannot be written so, with its place in `source`.
    """
    chosen = known_format(format)
    writer_of(chosen)
    if path.exists():
        raise InputError("the file exists", where=path, hint="choose another name or remove it")
    written: list[_Mark] = []
    try:
        with new_file(path) as stream:
            stream.write(f"{chosen.header}\n".encode() if chosen.header else b"")
            for one in examples:
                stream.write(_written(one, chosen, source))
                written.append(_Mark.of(one, chosen))
            stream.flush()
            if written:
                _compare(Path(stream.name), written, chosen, source)
    except FileExistsError as error:
        raise InputError("the file exists", where=path, hint="choose another name") from error
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=path) from error
    return len(written)


@dataclass(frozen=True)
class _Mark:
    """An example that was written, by hashes of what the format holds of it."""

    id: str
    line: int | None
    parts: Mapping[str, bytes]

    @classmethod
    def of(cls, example: Example, chosen: FileFormat) -> _Mark:
        plain = trimmed(example)
        parts: dict[str, object] = {
            "text": plain.text,
            "mentions": sorted((one.start, one.end, one.label) for one in plain.mentions),
        }
        if "ids" not in chosen.losses:
            parts["id"] = plain.id
        if "unlocated" not in chosen.losses:
            parts["missing gold"] = sorted((one.label, one.text) for one in plain.unlocated)
        if "tasks" not in chosen.losses:
            parts["tasks"] = json.dumps(plain.tasks, ensure_ascii=False, sort_keys=True)
        hashes = {name: _hash(part) for name, part in parts.items()}
        return cls(example.id, example.line, hashes)


def _hash(value: object) -> bytes:
    return hashlib.blake2b(repr(value).encode("utf-8", "replace"), digest_size=12).digest()


def _compare(part: Path, written: Sequence[_Mark], chosen: FileFormat, source: Path | None) -> None:
    """Read a file back that was written; refuse the first example that comes back as another."""
    place = 0
    try:
        for place, example in enumerate(iter_examples(part, chosen.name)):
            if place == len(written):
                raise _differs(written[-1], chosen, source, "it is read as several")
            mark, back = written[place], _Mark.of(example, chosen)
            for name, value in mark.parts.items():
                if back.parts[name] != value:
                    raise _differs(mark, chosen, source, f"its {name} would be read otherwise")
        place += 1
    except InputError as error:
        if "cannot be written" in error.message:
            raise
        raise _differs(written[place], chosen, source, error.message) from error
    if place < len(written):
        raise _differs(written[place], chosen, source, "it would not be read again")


def _differs(mark: _Mark, chosen: FileFormat, source: Path | None, reason: str) -> InputError:
    return InputError(
        f"example {mark.id!r} cannot be written as {chosen.name}: {reason}",
        where=located(source, mark.line) if source else None,
        hint="the format 'spans' holds everything",
    )


def writer_of(chosen: FileFormat) -> Callable[[Example], str]:
    """Return what writes an example of a format; refuse a format that is only read."""
    if chosen.write is None:
        written = ", ".join(name for name, one in FORMATS.items() if one.write is not None)
        raise InputError(f"the format {chosen.name!r} is only read", hint=f"write one of {written}")
    return chosen.write


def _written(example: Example, chosen: FileFormat, source: Path | None) -> bytes:
    try:
        return writer_of(chosen)(example).encode("utf-8")
    except InputError as error:
        where = located(source, example.line) if source else None
        raise InputError(error.message, where=where, hint=error.hint) from error


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
"""What is dropped without `--drop`: no document loses meaning with it."""


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
    held: Counter[str] = Counter()
    repaired: Counter[str] = Counter()
    chosen = known_format(to)

    def counted() -> Iterator[Example]:
        for example in iter_examples(source, format, options=options, notes=notes):
            found = _losses(example)
            lost.update({loss: found[loss] for loss in chosen.losses if found[loss]})
            held.update(key for key in TASKS if example.tasks.get(key))
            yield _reduced(example, chosen) if drop else example
        if not drop:
            _refuse(lost, held, notes, source, to)

    def notice(where: str, _repair: Repair) -> None:
        repaired[where] += 1

    notes = Notes(on_repair=notice)
    count = write_examples(counted(), target, to, source=source)
    return Conversion(count, repaired.total(), dict(lost), tuple(notes))


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


def _reduced(example: Example, chosen: FileFormat) -> Example:
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


def _refuse(
    lost: Mapping[Loss, int], held: Mapping[str, int], notes: Notes, source: Path, to: str
) -> None:
    """Refuse a conversion that would lose what changes what an example means."""
    allowed = (*LIGHT, "tasks")
    losses = [f"{count:,} {LOSSES[loss]}" for loss, count in lost.items() if loss not in allowed]
    if "tasks" in lost:
        losses += [f"{count:,} records hold {key}" for key, count in held.items()]
    losses += [str(note) for note in notes if note.kind in LOST]
    if losses:
        raise InputError(
            f"{to} would not hold all of it: {'; '.join(losses)}",
            where=source,
            hint="pass --drop to leave this out, or convert to 'spans', which holds the most",
        )
