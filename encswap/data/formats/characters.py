"""Characters with BIO tags, as the KLUE benchmark publishes them: `character TAB tag`.

A line `## id TAB text` stands before an example, an empty line after it. Other lines that begin
with `##` are remarks. A blank may stand for the tab, as Chinese sets have it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from encswap.data.formats.columns import Block, is_character, read_blocks
from encswap.data.formats.table import FileFormat, Fit, Misfit, ReadOptions, Verdict
from encswap.data.formats.tags import Piece, Style, gold_of, refusal, style_of, tags_for
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.types import Example

NAME = "klue"
REMARK = "## "
HINT = "write rows such as 'H<TAB>B-Disease', and an empty line between examples"
NEAR = 0.8
"""Share of the rows that must be single characters where a file may be one of characters."""
_KEYED = re.compile(r"##.*\t")


@dataclass(frozen=True)
class _Rows:
    """How the rows of a file are cut, and how their tags are spelt."""

    separator: str
    style: Style

    def row(self, line: str) -> tuple[str, str] | None:
        """Return the character and its tag; None where the row is none."""
        char, mark, raw = _cut(line, self.separator)
        plain = raw.strip() and self.separator not in raw.strip()
        tag = self.style.read(raw) if plain else None
        return (char, tag) if mark and tag is not None and is_character(char) else None


def read_characters(source: Input, options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Read examples whose every character is a row."""
    rows = _rows_of(source.head)
    if rows.style.order == "bare" and not options.label:
        raise source.error("the tags name no type (B, I, O)", "say which with --tag-label NAME")
    for block in read_blocks(source, _is_remark):
        yield _example(block, rows, options.label, notes)


def write_characters(example: Example) -> str:
    """Write one example, a character on each row."""
    if not example.text:
        raise refusal(example, NAME, "the text is empty")
    if set("\n\r\t") & set(example.text) or set("\n\r\t") & set(example.id):
        raise refusal(example, NAME, "a tab or a line break cannot stand in a row")
    tags = tags_for(example, [(i, i + 1) for i in range(len(example.text))], NAME)
    rows = (f"{char}\t{tag}\n" for char, tag in zip(example.text, tags, strict=True))
    return f"{REMARK}{example.id}\t{example.text}\n{''.join(rows)}\n"


def looks_like_characters(head: Head) -> int | None:
    """Return the first row that holds a single character, where nearly every row does.

    White space on a row of its own says the same: no word is white space.
    """
    # Marks stand alone among words too.
    lines = [(n, line) for n, line in _lines(head) if not _is_mark(_first_cell(line))]
    if all(_first_cell(line).isascii() and "\t" not in line for _, line in lines):
        return None
    blanks = any(not _first_cell(line).strip() for _, line in lines)
    sure = blanks or any(_KEYED.match(line) for _, line in head.lines)
    singles = [n for n, line in lines if _is_pair(line, further=sure)]
    # Of a few rows a single odd one leaves it open.
    least = 0.5 if sure or len(lines) - len(singles) < 2 else NEAR
    return singles[0] if len(singles) > max(1, least * len(lines)) else None


def _example(block: Block, rows: _Rows, label: str | None, notes: Notes) -> Example:
    text = ""
    pieces: list[Piece] = []
    for number, line in block.rows:
        found = rows.row(line)
        if found is None:
            raise block.error(number, f"not a character, a tab and a BIO tag: {line[:40]!r}", HINT)
        char, tag = found
        if line != line.rstrip():
            where = block.source.where(number)
            notes.add("padded-tags", "rows ended in white space, which was taken off", where)
        if label and rows.style.order == "bare" and tag != "O":
            tag = f"{tag}-{label}"
        pieces.append(Piece(len(text), len(text) + len(char), tag, number))
        text += char
    mentions = gold_of(text, pieces, block.source, notes)
    return Example(id=_id(block), text=text, mentions=mentions, line=block.line)


def _rows_of(head: Head) -> _Rows:
    lines = [line for _, line in _lines(head)]
    tabs = sum(_cut(line, "\t")[1] == "\t" for line in lines)
    separator = "\t" if 2 * tabs >= len(lines) else " "
    tags = Counter(_cut(line, separator)[2].strip() for line in lines)
    tags.pop("", None)
    found = style_of(tags)
    return _Rows(separator, found[0] if found is not None else Style())


def _lines(head: Head) -> list[tuple[int, str]]:
    return [(n, line) for n, line in head.lines if line.strip() and not _is_remark(line)]


def _cut(line: str, separator: str) -> tuple[str, str, str]:
    """Cut a row behind its first character, which may be the separator itself."""
    at = line.find(separator, 1)
    return (line[:at], separator, line[at + 1 :]) if at > 0 else (line, "", "")


def _is_mark(cell: str) -> bool:
    return len(cell) == 1 and not (cell.isalnum() or cell.isspace())


def _is_pair(line: str, *, further: bool) -> bool:
    """Whether a row is a character and one more cell, or further ones."""
    char, mark, rest = _cut(line, "\t" if "\t" in line[1:] else " ")
    if not mark or (mark in rest.strip() and (not further or char.isdecimal())):
        return False
    return is_character(char.strip() or char)


def _first_cell(line: str) -> str:
    return _cut(line, "\t" if "\t" in line[1:] else " ")[0]


def _id(block: Block) -> str:
    named = [remark for remark in block.comments if "\t" in remark]
    if not named:
        return f"{block.source.stem}:{block.line}"
    return named[-1].removeprefix("##").strip(" ").partition("\t")[0]


def _is_remark(line: str) -> bool:
    return line.startswith("##")


def _fit(head: Head) -> Verdict:
    lines = _lines(head)
    if not lines:
        return Fit(1.0, "remarks") if head.first[0] else None
    rows = _rows_of(head)
    wrong = next((n for n, line in lines if rows.row(line) is None), None)
    if wrong is not None:
        near = looks_like_characters(head) is not None
        return Misfit(wrong, "not a character, a tab and a BIO tag") if near else None
    cells = [_first_cell(line) for _, line in lines]
    if rows.separator == " " and all(cell.isascii() for cell in cells):
        return None
    if len(cells) > 1 or any(_KEYED.match(line) for _, line in head.lines):
        return Fit(1.0, f"{len(cells):,} rows of a character")
    return Fit(0.85, "one row of a character")


CHARACTERS = FileFormat(
    NAME,
    "characters with BIO tags, tab-separated",
    _fit,
    read_characters,
    write_characters,
    drops=("descriptions", "empty labels"),
)
