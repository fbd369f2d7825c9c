"""Documents without their gold, as a model predicts on them: records, tables or plain text.

Gold is not needed to predict, so a record that holds its text under `text` or `input` is taken as
it is, labelled or not, with its own id. Other formats go through their reader. Only what is none of
them is plain text, one document a line; a line of JSON never is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from encswap.data.formats.brat import BRAT
from encswap.data.formats.fields import JsonFaultError, JsonRecord, decode, field
from encswap.data.formats.records import read_records, records_of
from encswap.data.formats.table import Fit, ReadOptions
from encswap.data.formats.tags import is_tag
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.data.readers import FORMATS, known_format, recognise
from encswap.errors import InputError, UnknownNameError
from encswap.types import Example
from encswap.validation import read_text

TEXT = "text"
TEXT_KEYS = ("text", "input")
_ARRAY = re.compile(r"\[\s*[\[{\"]|\[\s*\]\s*$|\[\s*$")
_LINE = re.compile(r"\s*[{\[]")


@dataclass(frozen=True)
class Document:
    """A text with the id that it came with: as JSON holds it, else one made of file and line."""

    id: Any
    text: str


def open_documents(
    source: str | Path, options: ReadOptions | None = None, notes: Notes | None = None
) -> Iterator[Document]:
    """Open an input once and recognise it; its documents come one by one.

    `format` may be `text` too. Raises `InputError` where it cannot be opened or is of no known
    kind, and while reading with the line.
    """
    chosen, collected = options or ReadOptions(), notes if notes is not None else Notes()
    # Gold is not looked at, so tags that name no label need none here.
    chosen = replace(chosen, label=chosen.label or "gold")
    opened = Input(source)
    try:
        read = _reader(opened, chosen, collected)
    except BaseException:
        opened.close()
        raise
    return _until_read(opened, read)


def _until_read(source: Input, documents: Iterator[Document]) -> Iterator[Document]:
    with source:
        yield from documents


def _reader(source: Input, options: ReadOptions, notes: Notes) -> Iterator[Document]:
    if source.kind == "folder" and (options.format == TEXT or not _has_annotations(source)):
        return _texts_of(source)
    if options.format == TEXT:
        return _lines(source, strict=False)
    if options.format != "auto":
        try:
            found = known_format(options.format)
        except UnknownNameError as error:
            raise UnknownNameError("format", options.format, [*FORMATS, TEXT]) from error
        return _of_examples(found.read(source, options, notes))
    head = source.head
    if source.kind == "stream":
        first = records_of(head)
        if isinstance(first, list) and first and _text_key(first[0]):
            return (_document(record) for record in read_records(source, notes))
        if not _is_json(head) and not _fits(head) and not _is_table(head):
            if source.trouble is not None and not head.lines:
                raise source.trouble
            return _lines(source, strict=True)
    try:
        return _of_examples(recognise(source).read(source, options, notes))
    except InputError as error:
        if source.kind != "stream" or _fits(head) or source.trouble is not None:
            raise
        raise InputError(
            error.message,
            where=error.where,
            hint='give {"text": …} on each line, a format that the other commands read, or plain '
            "text, one document a line, with --from text",
        ) from error


def _has_annotations(source: Input) -> bool:
    return isinstance(BRAT.fit(source.head), Fit)


def _texts_of(source: Input) -> Iterator[Document]:
    """A folder of text files: each is a document, its path in the folder its id."""
    found = sorted(path for path in source.path.rglob("*.txt") if path.is_file())
    if not found:
        raise source.error("the folder holds no .txt", "put each document into a .txt of its own")
    return (_whole(path, source.path) for path in found)


def _whole(path: Path, folder: Path) -> Document:
    text = read_text(path).removeprefix("\ufeff")
    return Document(path.relative_to(folder).as_posix(), text)


def _of_examples(examples: Iterator[Example]) -> Iterator[Document]:
    return (Document(example.id, example.text) for example in examples)


def _document(record: JsonRecord) -> Document:
    text = field(record, _text_key(record.values) or TEXT_KEYS[0], str)
    name = record.values.get("id")
    if isinstance(name, str):
        name = field(record, "id", str)
    return Document(f"{record.source.stem}:{record.line}" if name is None else name, text)


def _text_key(values: Mapping[str, Any]) -> str | None:
    return next((key for key in TEXT_KEYS if isinstance(values.get(key), str)), None)


def _lines(source: Input, *, strict: bool) -> Iterator[Document]:
    found = False
    for number, line in source.lines():
        if not line.strip():
            continue
        found = True
        if strict and _LINE.match(line) and isinstance(_parsed(line), dict):
            raise source.error(
                "a JSON record among lines of text",
                "keep records and text apart, or say --from text",
                line=number,
            )
        yield Document(f"{source.stem}:{number}", line)
    if not found:
        raise source.error("the file holds only blank lines", "give a document")


def _parsed(line: str) -> Any:
    try:
        return decode(line)
    except JsonFaultError:
        return None


def _is_json(head: Head) -> bool:
    text = head.text.lstrip()
    return text.startswith("{") or _ARRAY.match(text) is not None


def _fits(head: Head) -> bool:
    return any(isinstance(one.fit(head), Fit) for one in FORMATS.values())


def _is_table(head: Head) -> bool:
    """Whether most lines are rows of a table, which a broken row must not turn into text."""
    rows = [line for _, line in head.lines if line.strip()]
    found = [
        row for row in rows if "\t" in row.strip() or (len(row.split()) > 1 and _ends_in_tag(row))
    ]
    return bool(rows) and 2 * len(found) > len(rows)


def _ends_in_tag(row: str) -> bool:
    return is_tag(row.rsplit(maxsplit=1)[-1])
