"""Words with BIO tags, as CoNLL-2003 keeps them: the word first, its tag last.

A further column may tell what stands between words, in the terms of CoNLL-U and UDPipe:
`SpaceAfter=No`, `SpacesAfter=\\s\\n`, `SpacesBefore=\\s`, or `_` for one space. Where it lacks, one
space is put between words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from encswap.data.formats.blocks import Block, read_blocks
from encswap.data.formats.table import Fit, Format, Misfit, Verdict
from encswap.data.formats.tags import Piece, is_tag, mentions_of, refusal, tags_for, trimmed
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.data.options import ReadOptions
from encswap.domain import Example

NAME = "conll"
NO_SPACE = "SpaceAfter=No"
_SPACES = re.compile(r"_|Space(?:s?After|sBefore)=\S+(?:\|Space(?:s?After|sBefore)=\S+)*")
_REMARK = re.compile(r"# ?\w+ ?=[^\t]*$|-DOCSTART-(?:$| |\t(?:-X-|O$))")
_COLUMNS = re.compile(r"[ \t]+")
_ESCAPES = {" ": r"\s", "\t": r"\t", "\n": r"\n", "\r": r"\r"}


def read_words(source: Input, _options: ReadOptions, _notes: Notes) -> Iterator[Example]:
    """Read examples whose every word is a row."""
    for block in read_blocks(source, _is_remark):
        text, pieces = _joined([_row(block, number, line) for number, line in block.rows])
        mentions = mentions_of(text, pieces)
        yield Example(id=_id(block), text=text, mentions=mentions, line=block.line)


def write_words(example: Example) -> str:
    """Write one example, a word on each row; words are cut at white space and at mentions."""
    example = trimmed(example)
    spans = list(words_of(example))
    if not spans:
        raise refusal(example, NAME, "the text holds no word")
    if set("\n\r") & set(example.id):
        raise refusal(example, NAME, "its id holds a line break")
    tags = tags_for(example, spans, NAME)
    text = example.text
    gaps = [text[one[1] : other[0]] for one, other in pairwise(spans)]
    told = [_told(gap) for gap in gaps] + [_told_last(text[spans[-1][1] :])]
    if spans[0][0]:
        before = f"SpacesBefore={_escaped(text[: spans[0][0]])}"
        told[0] = before if told[0] == "_" else f"{before}|{told[0]}"
    rows = zip(spans, tags, told, strict=True)
    lines = (f"{text[slice(*span)]}\t{tag}\t{spaces}\n" for span, tag, spaces in rows)
    return f"# id = {example.id}\n{''.join(lines)}\n"


def words_of(example: Example) -> Iterator[tuple[int, int]]:
    """Yield the spans between white space, cut again where a mention begins or ends."""
    cuts = {edge for mention in example.mentions for edge in (mention.start, mention.end)}
    for word in re.finditer(r"[^ \t\n\r]+", example.text):
        start, end = word.span()
        places = [start, *sorted(cut for cut in cuts if start < cut < end), end]
        yield from pairwise(places)


def _row(block: Block, number: int, line: str) -> tuple[str, str, str]:
    columns = line.split("\t") if "\t" in line else _COLUMNS.split(line)
    spaces = "_"
    if len(columns) > 2 and _SPACES.fullmatch(columns[-1]) and is_tag(columns[-2]):
        spaces = columns.pop()
    if len(columns) < 2 or not columns[0] or not is_tag(columns[-1]):
        raise block.error(
            number,
            f"not a word and a BIO tag: {line[:40]!r}",
            "write rows such as 'Hypertension B-Disease', and an empty line between examples",
        )
    return columns[0], columns[-1], spaces


def _joined(rows: list[tuple[str, str, str]]) -> tuple[str, list[Piece]]:
    text, after = "", ""
    pieces: list[Piece] = []
    for word, tag, told in rows:
        facts = dict(fact.split("=", 1) for fact in told.split("|") if "=" in fact)
        start = text + after + _unescaped(facts.get("SpacesBefore", ""))
        pieces.append(Piece(len(start), len(start) + len(word), tag))
        text = start + word
        after = "" if facts.get("SpaceAfter") == "No" else _unescaped(facts.get("SpacesAfter", " "))
    # After the last word only what was told stands; a space is put between words alone.
    return text + (after if rows and "SpacesAfter" in rows[-1][2] else ""), pieces


def _told(gap: str) -> str:
    if not gap:
        return NO_SPACE
    return "_" if gap == " " else f"SpacesAfter={_escaped(gap)}"


def _told_last(gap: str) -> str:
    return f"SpacesAfter={_escaped(gap)}" if gap else "_"


def _escaped(spaces: str) -> str:
    return "".join(_ESCAPES[char] for char in spaces)


def _unescaped(told: str) -> str:
    for char, escape in _ESCAPES.items():
        told = told.replace(escape, char)
    return told


def _id(block: Block) -> str:
    for remark in block.comments:
        key, _, value = remark.lstrip("# ").partition("=")
        if key.strip() in ("id", "sent_id"):
            return value.removeprefix(" ")
    return f"{block.source.stem}:{block.line}"


def _is_remark(line: str) -> bool:
    return _REMARK.match(line) is not None


def _fit(head: Head) -> Verdict:
    rows = [(n, line) for n, line in head.lines if line.strip() and not _is_remark(line)]
    for number, row in rows:
        columns = row.split("\t") if "\t" in row else re.split(r"[ \t]+", row)
        if len(columns) < 2 or not (is_tag(columns[-1]) or _SPACES.fullmatch(columns[-1])):
            return Misfit(number, "not a word and a BIO tag")
    return Fit(0.7, "every row is a word") if rows else None


WORDS = Format(
    NAME,
    "words with BIO tags, one on each line",
    _fit,
    read_words,
    write_words,
    drops=("descriptions", "empty labels", "spaces"),
)
