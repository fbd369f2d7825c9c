"""Words with BIO tags, as CoNLL-2003 keeps them: the word first, its tag last.

A further column may tell what stands between words, in the terms of CoNLL-U and UDPipe:
`SpaceAfter=No`, `SpacesAfter=\\s\\n`, `SpacesBefore=\\s`, or `_` for one space. Where it lacks, one
space is put between words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from encswap.data.formats.blocks import Block, read_blocks
from encswap.data.formats.table import Format, Notice
from encswap.data.formats.tags import Piece, is_tag, mentions_of, refusal, tags_for, trimmed
from encswap.domain import Example

NAME = "conll"
NO_SPACE = "SpaceAfter=No"
_SPACES = re.compile(r"_|Space(?:s?After|sBefore)=\S+(?:\|Space(?:s?After|sBefore)=\S+)*")
_REMARK = re.compile(r"# ?\w+ ?=[^\t]*$|-DOCSTART-(?:$| |\t(?:-X-|O$))")
_COLUMNS = re.compile(r"[ \t]+")
_ESCAPES = {" ": r"\s", "\t": r"\t", "\n": r"\n", "\r": r"\r"}


def read_words(path: Path, _notice: Notice) -> Iterator[Example]:
    """Read examples whose every word is a row."""
    for block in read_blocks(path, _is_remark):
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
    return f"{block.path.stem}:{block.line}"


def _is_remark(line: str) -> bool:
    return _REMARK.match(line) is not None


def _are_lines(lines: Sequence[str]) -> bool:
    rows = [line for line in lines if not _is_remark(line)]
    last = [re.split(r"[ \t]+", row) for row in rows]
    return bool(lines) and all(
        len(columns) > 1 and (is_tag(columns[-1]) or _SPACES.fullmatch(columns[-1]) is not None)
        for columns in last
    )


WORDS = Format(
    NAME,
    "words with BIO tags, one on each line",
    read_words,
    write_words,
    are_lines=_are_lines,
    drops=("descriptions", "empty labels", "spaces"),
)
