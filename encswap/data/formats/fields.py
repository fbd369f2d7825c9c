"""JSON records and their fields: every value is checked, every failure has its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from encswap.data.formats.table import Misfit
from encswap.data.input import Head, Input
from encswap.errors import InputError

_KINDS = {
    str: "a string",
    int: "a whole number",
    dict: "an object",
    list: "a list",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


@dataclass(frozen=True)
class Record:
    """One JSON object of a file and where it stands."""

    values: Mapping[str, Any]
    source: Input
    line: int

    @property
    def where(self) -> str:
        """The record's place as `file:line`."""
        return self.source.where(self.line)

    @property
    def id(self) -> str:
        """The record's `id` as text, or one made of the file's name and the line."""
        value = self.values.get("id")
        if value is None:
            return f"{self.source.stem}:{self.line}"
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.error(f"'id' should be a string, not {kind_of(value)}")
        return clean(str(value), "id", self)

    def error(self, message: str, hint: str = "") -> InputError:
        """Build an InputError that stands at this record."""
        return InputError(message, where=self.where, hint=hint)

    def inner(self, key: str) -> Record:
        """Return the object under `key`, at the same place."""
        return Record(field(self, key, dict), self.source, self.line)


def read_records(source: Input) -> Iterator[Record]:
    """Yield the JSON objects of a file with one on each line; blank lines are passed over."""
    count = 0
    for number, line in source.lines():
        if line and not line.isspace():
            count += 1
            yield Record(parse_object(line, source, number), source, number)
    if not count:
        raise source.error("the file holds only blank lines", "give an example")


def first_record(head: Head) -> dict[str, Any] | Misfit | None:
    """Return the first JSON object of a file with one on each line; None where it holds none."""
    number, line = head.first
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Misfit(number, f"not JSON ({getattr(error, 'msg', error)})")
    return value if isinstance(value, dict) else None


def keys_of(values: Mapping[str, Any]) -> str:
    """Name the keys of a record, the first ones."""
    return ", ".join(repr(key) for key in list(values)[:8]) or "nothing"


def json_line(values: Mapping[str, Any]) -> str:
    """Write one record as a line."""
    return json.dumps(values, ensure_ascii=False) + "\n"


def parse_object(line: str, source: Input, number: int) -> dict[str, Any]:
    """Parse one line, which must be a JSON object."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise source.error(
            f"not JSON ({getattr(error, 'msg', error)})",
            "each line holds one JSON object",
            line=number,
        ) from error
    if not isinstance(value, dict):
        raise source.error(
            f"should be an object, not {kind_of(value)}",
            'each line holds one JSON object such as {"text": …}',
            line=number,
        )
    return value


def field(record: Record, key: str, kind: type, default: Any = ...) -> Any:
    """Return the value of `key`, which must be of `kind`; without a default it must be there."""
    if key not in record.values:
        if default is ...:
            raise record.error(f"lacks {key!r}", hint=f"it holds {keys_of(record.values)}")
        return default
    value = record.values[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise record.error(f"{key!r} should be {_KINDS[kind]}, not {kind_of(value)}")
    return clean(value, key, record) if isinstance(value, str) else value


def clean(value: str, key: str, record: Record) -> str:
    """Return `value`; refuse a lone surrogate, which no tokenizer and no file can hold."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise record.error(
            f"{key!r} holds a lone surrogate at character {error.start}",
            hint="write characters outside the basic plane as a pair, or as themselves",
        ) from error
    return value


def descriptions(record: Record) -> dict[str, str]:
    """Return the labels' descriptions under `entity_descriptions`; empty where there are none."""
    found = field(record, "entity_descriptions", dict, {})
    for label, description in found.items():
        if not isinstance(description, str):
            raise record.error(
                f"the description of {label!r} should be a string, not {kind_of(description)}"
            )
        clean(description, "entity_descriptions", record)
    return dict(found)


def kind_of(value: Any) -> str:
    """Name the JSON kind of a value, with its article."""
    return _KINDS.get(type(value), type(value).__name__)
