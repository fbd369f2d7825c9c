"""Sentences of spaced words with a tag for each, in two columns of TSV or CSV, as KBMC keeps them.

Both columns are cut at white space. Tags are BIO with the letter last, as in KBMC (`Disease-B`),
or first. A first row may name the columns; else they are the last two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from encswap.data.formats.columns import DELIMITERS, Cells, csv_rows, head_rows
from encswap.data.formats.table import FileFormat, Fit, Misfit, ReadOptions, Verdict
from encswap.data.formats.tags import (
    LETTERS,
    Piece,
    Style,
    gold_of,
    refusal,
    style_of,
    tags_for,
    trimmed,
)
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.types import Example

NAME = "kbmc"
HEADER = "sentence\ttags"
HINT = "write tags such as 'O Disease-B Disease-I'"
ROWS = 1000
_PREFIXED = re.compile(rf"[{LETTERS}]-.+")
_WORD = re.compile(r"\S+")
_SENTENCE = ("sentence", "sentences", "text")
_TAGS = ("tags", "tag", "labels", "label", "ner_tags", "ner")


@dataclass(frozen=True)
class _Table:
    """Where sentence and tags stand, and how the tags are spelt; `header` is its line, or 0."""

    delimiter: str
    text: int
    tags: int
    header: int
    named: bool
    style: Style

    def row(self, cells: Sequence[str]) -> tuple[str, list[str]] | str:
        """Return the sentence and its tags; what is wrong where they do not fit."""
        if len(cells) < 2:
            return f"one column, where a sentence and its tags are wanted: {cells[0][:40]!r}"
        width = len(cells)
        places = (self.text, self.tags) if self.named else (width - 2, width - 1)
        if max(places) >= width:
            return f"{width} columns, where the tags stand in column {max(places) + 1}"
        text, tags = cells[places[0]], cells[places[1]].split()
        read = [self.style.read(tag) for tag in tags]
        wrong = next((raw for raw, tag in zip(tags, read, strict=True) if tag is None), None)
        if wrong is not None:
            return f"{wrong[:20]!r} is no BIO tag"
        if len(text.split()) != len(tags):
            return f"{len(text.split())} words but {len(tags)} tags"
        if not tags:
            return "the sentence is empty"
        return text, [tag for tag in read if tag is not None]


def read_rows(source: Input, options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Read one example from each row; a first row without tags is a header."""
    table = _table_of(source.head)
    if table.style.order == "bare" and not options.label:
        raise source.error("the tags name no type (B, I, O)", "say which with --tag-label NAME")
    count = 0
    for number, cells in _rows(source, table.delimiter):
        if number == table.header:
            continue
        row = table.row(cells)
        if isinstance(row, str):
            raise source.error(f"not a sentence and its tags: {row}", HINT, line=number)
        count += 1
        text, tags = row
        if options.label and table.style.order == "bare":
            tags = [tag if tag == "O" else f"{tag}-{options.label}" for tag in tags]
        spans = (word.span() for word in _WORD.finditer(text))
        pieces = [Piece(*span, tag, number) for span, tag in zip(spans, tags, strict=True)]
        mentions = gold_of(text, pieces, source, notes)
        yield Example(f"{source.stem}:{number}", text, mentions, line=number)
    if not count:
        raise source.error("the file holds no rows", "give an example")


def write_rows(example: Example) -> str:
    """Write one example as a row; its mentions must begin and end at white space."""
    example = trimmed(example)
    spans = [word.span() for word in _WORD.finditer(example.text)]
    if not spans:
        raise refusal(example, NAME, "the text holds no word")
    if set("\n\r\t") & set(example.text):
        raise refusal(example, NAME, "a tab or a line break cannot stand in a row")
    if any(_WORD.fullmatch(mention.label) is None for mention in example.mentions):
        raise refusal(example, NAME, "a label holds white space")
    if any(_PREFIXED.fullmatch(mention.label) for mention in example.mentions):
        raise refusal(example, NAME, "a label looks like a tag")
    tags = tags_for(example, spans, NAME)
    turned = (tag if tag == "O" else f"{tag[2:]}-{tag[0]}" for tag in tags)
    return f"{example.text}\t{' '.join(turned)}\n"


def _rows(source: Input, delimiter: str) -> Iterator[Cells]:
    """Yield the cells of each row that is not blank, with the line where it begins."""
    if delimiter == "\t":
        return _tabbed(source.lines())
    return csv_rows(source, delimiter)


def _tabbed(lines: Iterable[tuple[int, str]]) -> Iterator[Cells]:
    return ((number, line.rstrip(" ").split("\t")) for number, line in lines if line.strip())


def _head_rows(head: Head, delimiter: str) -> list[Cells]:
    if delimiter == "\t":
        return list(_tabbed(head.lines[:ROWS]))
    return head_rows(head, delimiter, ROWS)


def _table_of(head: Head) -> _Table:
    """Find the columns by the names in the first row, else by the first rows that fit."""
    delimiter = _delimiter(head)
    rows = _head_rows(head, delimiter)
    names = [cell.strip().casefold() for cell in rows[0][1]] if rows else []
    text = next((names.index(name) for name in _SENTENCE if name in names), None)
    tags = next((names.index(name) for name in _TAGS if name in names), None)
    if text is not None and tags is not None and text != tags:
        style = _style_of(cells[tags] for _, cells in rows[1:] if len(cells) > tags)
        return _Table(delimiter, text, tags, rows[0][0], True, style)
    style = _style_of(cells[-1] for _, cells in rows)
    table = _Table(delimiter, -2, -1, 0, False, style)
    if len(rows) > 1 and isinstance(table.row(rows[0][1]), str):
        fits = not isinstance(table.row(rows[1][1]), str)
        return _Table(delimiter, -2, -1, rows[0][0] if fits else 0, False, style)
    return table


def _style_of(cells: Iterable[str]) -> Style:
    found = style_of(Counter(tag for cell in cells for tag in cell.split()), first="suffix")
    return found[0] if found is not None else Style("any")


def _delimiter(head: Head) -> str:
    first = head.first[1]
    return "\t" if "\t" in first else max(DELIMITERS, key=first.count)


def _fit(head: Head) -> Verdict:
    """Judge by every row; where each holds one word, only the names of the columns tell."""
    number, first = head.first
    if not number or first.lstrip()[:1] in ("{", "["):
        return None
    table = _table_of(head)
    rows = [(at, cells) for at, cells in _head_rows(head, table.delimiter) if at != table.header]
    wrong = [(at, row) for at, cells in rows if isinstance(row := table.row(cells), str)]
    many = sum(len(cells[table.tags].split()) > 1 for _, cells in rows if len(cells) > table.tags)
    blanks = any(not line.strip() for _, line in head.lines[: rows[-1][0]]) if rows else False
    if not rows or not (table.named or 2 * many > len(rows)) or (blanks and not many):
        return None
    if wrong and all(len(cells) < 2 for _, cells in rows):
        return None
    if wrong:
        return Misfit(*wrong[0])
    return Fit(1.0 if table.named else 0.95, f"{len(rows):,} rows of a sentence and its tags")


SENTENCES = FileFormat(
    NAME,
    "TSV or CSV: a sentence of spaced words, and their BIO tags",
    _fit,
    read_rows,
    write_rows,
    header=HEADER,
    drops=("descriptions", "empty labels", "ids", "spaces"),
)
