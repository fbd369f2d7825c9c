"""Reading examples from a file of any known format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from encswap.data.formats.characters import CHARACTERS
from encswap.data.formats.fields import parse_object
from encswap.data.formats.offsets import SPANS
from encswap.data.formats.sentences import SENTENCES
from encswap.data.formats.strings import EXTRACTION, PLAN
from encswap.data.formats.table import Format, Notice
from encswap.data.formats.words import WORDS
from encswap.data.lines import read_lines
from encswap.data.locate import Repair
from encswap.domain import Example, labels_of
from encswap.errors import InputError, UnknownNameError, located
from encswap.gliner.markers import refuse_markers

FORMATS: dict[str, Format] = {
    one.name: one for one in (PLAN, EXTRACTION, SPANS, CHARACTERS, SENTENCES, WORDS)
}
HEAD = 50


def read_examples(path: Path, format: str = "auto") -> list[Example]:  # noqa: A002
    """Read all examples of a file; their ids must differ."""
    examples = list(iter_examples(path, format))
    lines: dict[str, int | None] = {}
    for example in examples:
        if example.id in lines:
            raise InputError(
                f"the id {example.id!r} is taken by line {lines[example.id]}",
                where=located(path, example.line),
                hint="give every example its own id, or leave 'id' out",
            )
        lines[example.id] = example.line
        refuse_markers(
            labels_of([example]), example.descriptions, where=located(path, example.line)
        )
    return examples


def iter_examples(
    path: Path,
    format: str = "auto",  # noqa: A002
    *,
    on_repair: Notice | None = None,
) -> Iterator[Example]:
    """Read the examples of a file one by one; `on_repair` is told of repaired gold strings."""
    found = format_of(path) if format == "auto" else known_format(format)
    return found.read(path, on_repair or _ignore)


def format_of(path: Path) -> Format:
    """Recognise a file's format by the first lines that say something."""
    head = _head(path)
    if not head:
        raise InputError("the file holds only blank lines", where=path, hint="give an example")
    number, first = head[0]
    if first.lstrip().startswith("{"):
        values = parse_object(first, path, number)
        found = [one for one in FORMATS.values() if one.is_record(values)]
        holds = ", ".join(repr(key) for key in list(values)[:8]) or "nothing"
        shown = f"the record holds {holds}"
    else:
        found = [one for one in FORMATS.values() if one.are_lines([line for _, line in head])]
        shown = repr(first[:40])
    if not found:
        raise InputError(
            f"the format is not recognised: {shown}",
            where=located(path, number),
            hint=f"known: {_known()}",
        )
    return found[0]


def known_format(name: str) -> Format:
    """Return the format called `name`."""
    if name not in FORMATS:
        raise UnknownNameError("format", name, list(FORMATS))
    return FORMATS[name]


def _head(path: Path) -> list[tuple[int, str]]:
    """Return the lines up to the first blank one after them, at most a few."""
    head: list[tuple[int, str]] = []
    for number, line in read_lines(path):
        blank = not line.strip()
        if (blank and head) or len(head) == HEAD:
            break
        if not blank:
            head.append((number, line))
    return head


def _known() -> str:
    return "; ".join(f"{one.name}: {one.description}" for one in FORMATS.values())


def _ignore(_where: str, _repair: Repair) -> None:
    """Take no notice."""
