"""Reading examples from a file of any known format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from encswap.data.formats.offsets import SPANS
from encswap.data.formats.strings import EXTRACTION, PLAN
from encswap.data.formats.table import Format, Notice
from encswap.data.lines import read_lines
from encswap.data.locate import Repair
from encswap.domain import Example
from encswap.errors import InputError, UnknownNameError, located

FORMATS: dict[str, Format] = {one.name: one for one in (PLAN, EXTRACTION, SPANS)}


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
    return examples


def iter_examples(
    path: Path,
    format: str = "auto",  # noqa: A002
    *,
    on_repair: Notice | None = None,
) -> Iterator[Example]:
    """Read the examples of a file one by one; `on_repair` is told of repaired gold strings."""
    found = format_of(path) if format == "auto" else _known(format)
    return found.read(path, on_repair or _ignore)


def format_of(path: Path) -> Format:
    """Recognise a file's format by its first line that says something."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        found = [one for one in FORMATS.values() if _fits(one, line)]
        if not found:
            raise InputError(
                "the format is not recognised",
                where=located(path, number),
                hint=f"known formats: {_described()}",
            )
        return found[0]
    raise InputError("the file holds only blank lines", where=path, hint="give an example")


def _fits(one: Format, line: str) -> bool:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return one.is_line(line) and not line.lstrip().startswith("{")
    return one.is_record(values) if isinstance(values, dict) else one.is_line(line)


def _known(name: str) -> Format:
    if name not in FORMATS:
        raise UnknownNameError("format", name, ["auto", *FORMATS])
    return FORMATS[name]


def _described() -> str:
    return ", ".join(f"{one.name} ({one.description})" for one in FORMATS.values())


def _ignore(_where: str, _repair: Repair) -> None:
    """Take no notice."""
