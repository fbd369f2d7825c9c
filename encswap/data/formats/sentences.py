"""Sentences of spaced words with a tag for each: `words TAB tags`, as KBMC keeps them.

Both columns are cut at white space. Tags are BIO with the letter first or, as KBMC has it, last
(`Disease-B`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from encswap.data.formats.table import Fit, Format, Misfit, Verdict
from encswap.data.formats.tags import Piece, is_tag, mentions_of, refusal, tags_for, trimmed
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.data.options import ReadOptions
from encswap.domain import Example

NAME = "kbmc"
HEADER = "sentence\ttags"
_TAG = re.compile(r"(.+)-([BI])")
_PREFIXED = re.compile(r"[BI]-.+")
_WORD = re.compile(r"\S+")


def read_rows(source: Input, _options: ReadOptions, _notes: Notes) -> Iterator[Example]:
    """Read one example from each row; a first row without tags is a header."""
    count = 0
    for number, line in source.lines():
        if not line.strip() or (number == 1 and not _is_row(line)):
            continue
        count += 1
        yield _example(line, source, number)
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
    if any(_PREFIXED.fullmatch(f"{mention.label}-B") for mention in example.mentions):
        raise refusal(example, NAME, "a label looks like a tag")
    tags = tags_for(example, spans, NAME)
    turned = (tag if tag == "O" else f"{tag[2:]}-{tag[0]}" for tag in tags)
    return f"{example.text}\t{' '.join(turned)}\n"


def _example(line: str, source: Input, number: int) -> Example:
    text, tags = _columns(line)
    spans = [word.span() for word in _WORD.finditer(text)]
    found = [_turned(tag) for tag in tags.split()]
    wrong = next((tag for tag in found if not is_tag(tag)), None)
    if wrong is not None or not found:
        raise source.error(
            f"not a sentence, a tab and its tags: {line[:40]!r}",
            "write tags such as 'O Disease-B Disease-I'",
            line=number,
        )
    if len(spans) != len(found):
        raise source.error(f"{len(spans)} words but {len(found)} tags", line=number)
    pieces = (Piece(*span, tag) for span, tag in zip(spans, found, strict=True))
    return Example(
        id=f"{source.stem}:{number}", text=text, mentions=mentions_of(text, pieces), line=number
    )


def _columns(line: str) -> tuple[str, str]:
    """Return sentence and tags: the last two columns."""
    rest, _, tags = line.rpartition("\t")
    return rest.rpartition("\t")[2], tags


def _turned(tag: str) -> str:
    found = None if _PREFIXED.fullmatch(tag) else _TAG.fullmatch(tag)
    return tag if found is None else f"{found[2]}-{found[1]}"


def _is_row(line: str) -> bool:
    text, tags = _columns(line)
    found = tags.split()
    return (
        bool(found)
        and len(found) == len(text.split())
        and all(is_tag(_turned(tag)) for tag in found)
    )


def _fit(head: Head) -> Verdict:
    rows = [(number, line) for number, line in head.lines if line.strip()]
    for number, row in rows:
        if "\t" not in row:
            return Misfit(number, "no tab stands in the row")
    if not rows or not any(_is_row(row) for _, row in rows[:2]):
        return Misfit(rows[0][0], "not a sentence, a tab and its tags") if rows else None
    words = sum(len(_columns(row)[1].split()) > 1 for _, row in rows)
    return Fit(0.8 if 2 * words > len(rows) else 0.3, "every row is a sentence")


SENTENCES = Format(
    NAME,
    "TSV: a sentence of spaced words, and their BIO tags",
    _fit,
    read_rows,
    write_rows,
    header=HEADER,
    drops=("descriptions", "empty labels", "ids", "spaces"),
)
