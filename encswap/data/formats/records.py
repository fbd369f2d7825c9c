"""The JSON records of a file: one a line, a list of them, one alone, or a list inside an object.

Objects may be printed over several lines. spaCy's training pairs `["text", {"entities": …}]` are
records too. A `null` or an empty list where a record may stand is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from encswap.data.formats.fields import JsonFaultError, JsonRecord, decode, decode_at, kind_of
from encswap.data.formats.table import Misfit
from encswap.data.input import Head, Input
from encswap.data.notes import Notes

WRAPPERS = ("data", "examples", "documents", "records", "rows", "items")
"""Keys under which a file that is one object keeps its records."""
_OWN_KEYS = ("text", "input", "tokens", "words", "tokenized_text")
_PAIR_KEYS = {"entities", "cats", "links", "spans", "heads", "deps", "tags", "words", "spaces"}
_PAIR = re.compile(r'\[\s*"')
_FEW = 200


@dataclass(frozen=True)
class Found:
    """A JSON value that should be a record, its line, and what its file holds around it."""

    value: Any
    line: int
    around: Mapping[str, Any]


def read_records(source: Input, notes: Notes) -> Iterator[JsonRecord]:
    """Yield the records of a JSON file; raises InputError with the line of what is wrong."""
    lines = source.lines()
    number, line = next(((n, one) for n, one in lines if one.strip()), (0, ""))
    if not number:
        raise source.error("the file holds only blank lines", "give an example")
    if is_record(line):
        yield from _records(source, [Found(_decoded(line, source, number), number, {})], notes)
        for n, one in lines:
            if one and not one.isspace():
                yield from _records(source, [Found(_decoded(one, source, n), n, {})], notes)
        return
    rest = list(lines)
    _blame_first(source, number, line, rest)
    scan = Scan("\n".join([line, *(one for _, one in rest)]), number)
    try:
        yield from _records(source, walk(scan), notes)
    except JsonFaultError as fault:
        raise source.error(fault.reason, fault.hint, line=scan.line() + fault.lines) from fault


def records_of(head: Head) -> list[dict[str, Any]] | Misfit | None:
    """Return the first records of a file, or the line that is no JSON; None where it is none."""
    if head.kind != "stream" or head.first[1].lstrip()[:1] not in ("{", "["):
        return _cut_short(head) if head.kind == "stream" else None
    return _first_records(head.text, head.first[0], head.complete)


def _cut_short(head: Head) -> list[dict[str, Any]] | None:
    """Look into a first line that is longer than the head."""
    if head.first[0] or head.text.lstrip()[:1] not in ("{", "["):
        return None
    found = _first_records(head.text, 1, False)
    return found if isinstance(found, list) else None


@lru_cache(maxsize=4)
def _first_records(text: str, first: int, complete: bool) -> list[dict[str, Any]] | Misfit | None:
    lines = [line for line in text.split("\n") if line.strip()]
    found: list[dict[str, Any]] = []
    if lines and is_record(lines[0]):
        for line in lines[:_FEW]:
            try:
                value = as_record(decode(line))
            except JsonFaultError as fault:
                return found or Misfit(first, fault.reason)
            found += [value] if value is not None else []
        return found
    text = text.lstrip("\n\r ")
    scan = Scan(text, first)
    try:
        for one in walk(scan):
            value = as_record(one.value)
            found += [value] if value is not None else []
            if len(found) == _FEW:
                break
    except JsonFaultError as fault:
        if not found and complete:
            return Misfit(scan.line() + fault.lines, fault.reason)
    return found


def is_record(line: str) -> bool:
    """Whether a line is a record by itself, so that each line of the file holds one."""
    start = line.lstrip()
    if not start.startswith(("{", "[")):
        return False
    if start.startswith("[") and start[1:].lstrip()[:1] != '"':
        return False
    try:
        value = decode(line)
    except JsonFaultError as fault:
        return "twice" in fault.reason and start.rstrip().endswith("}")
    return as_record(value) is not None and wrapped_in(value) is None


def as_record(value: Any) -> dict[str, Any] | None:
    """Return a record's fields, also those of a pair of a text and its annotations."""
    if isinstance(value, dict):
        row = value.get("row")
        return row if "row_idx" in value and isinstance(row, dict) else value
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
        inner = {} if value[1] is None or value[1] == [] else value[1]
        if isinstance(inner, dict) and set(inner) <= _PAIR_KEYS:
            return {"text": value[0], "entities": [], **inner}
    return None


def wrapped_in(value: Any) -> str | None:
    """Return the key under which an object keeps the records of its file."""
    if not isinstance(value, dict) or any(key in value for key in _OWN_KEYS):
        return None
    for key in WRAPPERS:
        if _holds_records(value.get(key)):
            return key
    # An annotator for spaCy writes {"classes": […], "annotations": [["text", {…}]]}.
    return "annotations" if "classes" in value and "annotations" in value else None


def _holds_records(value: Any) -> bool:
    some = [one for one in value if one is not None] if isinstance(value, list) else []
    return bool(some) and all(as_record(one) is not None for one in some[:5])


class Scan:
    """A walk through a JSON text, value by value, that knows its line."""

    def __init__(self, text: str, first: int, at: int = 0) -> None:
        self.text = text
        self.at = at
        self._line = first
        self._seen = at

    def line(self) -> int:
        """Return the number of the line that the walk has come to."""
        self._line += self.text.count("\n", self._seen, self.at)
        self._seen = self.at
        return self._line

    def peek(self) -> str:
        """Pass white space over and return the next character, empty at the end."""
        while self.text[self.at : self.at + 1] in (" ", "\t", "\n", "\r", "\ufeff"):
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take(self, char: str) -> bool:
        """Step over `char` where it is next."""
        found = self.peek() == char
        self.at += found
        return found

    def value(self) -> Any:
        """Decode the next value."""
        self.peek()
        value, self.at = decode_at(self.text, self.at)
        return value

    def elements(self) -> Iterator[tuple[Any, int]]:
        """Yield the values of the list that begins here, each with its line."""
        self.take("[")
        if self.take("]"):
            return
        while True:
            if self.peek() == "]":
                raise JsonFaultError("not JSON (a comma stands before the closing ])")
            line = self.line()
            yield self.value(), line
            if self.take("]"):
                return
            if not self.take(","):
                raise JsonFaultError("not JSON (a comma or ] is missing after a record)")


def walk(scan: Scan) -> Iterator[Found]:
    """Yield the records of a text that is read as a whole; raises JsonFaultError."""
    if scan.peek() not in ("{", "["):
        raise JsonFaultError("not JSON (it begins with neither { nor [)")
    while scan.peek():
        start, line = scan.at, scan.line()
        if scan.peek() == "[" and not _PAIR.match(scan.text, start):
            yield from (Found(one, place, {}) for one, place in scan.elements())
            if scan.peek():
                raise JsonFaultError("not JSON (something follows the list)")
            return
        value = scan.value()
        key = wrapped_in(value)
        if key is None:
            yield Found(value, line, {})
            continue
        around = {name: one for name, one in value.items() if name != key}
        inner = Scan(scan.text, line, start)
        _step_to(inner, key)
        if inner.peek() == "[":
            for one, place in inner.elements():
                yield Found(one, place, around)


def _step_to(scan: Scan, key: str) -> None:
    """Walk to the value of `key` in the object that begins here."""
    scan.take("{")
    while scan.value() != key:
        scan.take(":")
        scan.value()
        scan.take(",")
    scan.take(":")


def _records(source: Input, found: Sequence[Found] | Iterator[Found], notes: Notes) -> Any:
    for one in found:
        if one.value is None or one.value == []:
            where = source.where(one.line)
            notes.add("empty-records", "records are null and were passed over", where)
            continue
        values = as_record(one.value)
        if values is None:
            raise source.error(
                f"should be an object, not {kind_of(one.value)}",
                'each record is one JSON object such as {"text": …}',
                line=one.line,
            )
        yield JsonRecord(values, source, one.line, one.around)


def _decoded(line: str, source: Input, number: int) -> Any:
    try:
        return decode(line)
    except JsonFaultError as fault:
        raise source.error(fault.reason, fault.hint, line=number) from fault


def _blame_first(source: Input, number: int, line: str, rest: list[tuple[int, str]]) -> None:
    """Refuse a broken first line where the next one is a record of its own."""
    after = next((one for _, one in rest if one.strip()), "")
    if line.lstrip().startswith('{"') and is_record(after):
        value = _decoded(line, source, number)
        if wrapped_in(value) is not None:
            raise source.error(
                "a list of records is followed by others", "keep one of the two", line=number
            )
