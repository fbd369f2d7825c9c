"""Sentences with a tagged copy and rows of morphemes, as Korean corpora are published.

Those of the 2016 competition and of KMOU have before the rows of an example its sentence and the
same sentence with `<text:LABEL>` in it: behind `; ` and `$`, or behind `## `, after a line
`## number`. Morphemes cannot be joined to the text again: text and gold are taken from the tagged
copy, and the rows are held against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from encswap.data.formats.columns import Block, read_blocks
from encswap.data.formats.table import FileFormat, Fit, Misfit, ReadOptions, Verdict
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.types import Example, Mention

NAME = "kmou"
HINT = "write '; sentence', '$<text:LABEL>' and rows of number, morpheme, class and tag"
_MARKED = re.compile(r"<([^<>]+):([^<>:\s]+)>")
_BEGINS = re.compile(r"[BSUW](?:[-_]|$)")
_REMARKS = ("; ", "$", "## ")


def read_tagged(source: Input, _options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Read one example from each sentence; refuse one whose tagged copy is of another text."""
    for block in read_blocks(source, _is_remark):
        yield _example(block, notes)


def looks_tagged(head: Head) -> int | None:
    """Return the first line that only such a corpus has; None where there is none."""
    before = ""
    for number, line in head.lines:
        numbered = re.match(r"## \d+\s", f"{before} ") is not None
        if (line.startswith("$") and before.startswith("; ")) or (
            line.startswith("## ") and (numbered or _MARKED.search(line))
        ):
            return number
        before = line
    return None


def _example(block: Block, notes: Notes) -> Example:
    found = _pair(block.comments)
    if found is None:
        raise block.error(block.line, "no sentence and tagged copy stand before the rows", HINT)
    name, sentence, tagged = found
    text, mentions = _read(tagged)
    if " ".join(text.split()) != " ".join(sentence.split()):
        raise block.error(
            block.line,
            f"the tagged copy is of another text: {tagged[:40]!r}",
            "mend one of the two",
        )
    for number, row in block.rows:
        if len(row.split()) < 3:
            raise block.error(number, f"not a morpheme with its class and tag: {row[:40]!r}", HINT)
    begun = sum(_begins(row) for _, row in block.rows)
    if begun != len(mentions):
        notes.add(
            "rows-differ",
            "sentences have rows that tag another number of mentions: the tagged copy is read",
            block.source.where(block.line),
        )
    return Example(name or f"{block.source.stem}:{block.line}", text, mentions, line=block.line)


def _begins(row: str) -> bool:
    return _BEGINS.match(row.rsplit(maxsplit=1)[-1]) is not None


def _read(tagged: str) -> tuple[str, tuple[Mention, ...]]:
    text, end = "", 0
    mentions: list[Mention] = []
    for one in _MARKED.finditer(tagged):
        text += tagged[end : one.start()]
        mentions.append(Mention(len(text), len(text) + len(one[1]), one[2], one[1]))
        text, end = text + one[1], one.end()
    return text + tagged[end:], tuple(mentions)


def _pair(remarks: Sequence[str]) -> tuple[str, str, str] | None:
    """Return the name, the sentence and the tagged copy among the remarks before some rows."""
    if len(remarks) >= 2 and remarks[-2].startswith("; ") and remarks[-1].startswith("$"):
        return "", remarks[-2][2:], remarks[-1][1:]
    sharps = [remark[3:] for remark in remarks if remark.startswith("## ")]
    if len(sharps) >= 3 and sharps[-3].strip().isdecimal():
        return "", sharps[-2], sharps[-1]
    return None


def _is_remark(line: str) -> bool:
    return line.startswith(_REMARKS)


def _fit(head: Head) -> Verdict:
    """Judge by the first example: two lines that say the same, and rows of three columns."""
    remarks: list[str] = []
    for number, line in head.lines:
        if _is_remark(line):
            remarks.append(line)
        elif line.strip():
            found = _pair(remarks)
            if found is None or "\t" in found[2]:
                near = looks_tagged(head)
                return None if near is None else Misfit(near, "no sentence and its tagged copy")
            text, _ = _read(found[2])
            if " ".join(text.split()) != " ".join(found[1].split()):
                return Misfit(number - 1, "the tagged copy is of another text")
            if len(line.split()) < 3:
                return Misfit(number, "not a morpheme with its class and tag")
            return Fit(1.0, "a sentence, its tagged copy and rows of morphemes")
    return None


TAGGED = FileFormat(
    NAME,
    "Korean corpora: '; sentence', '$<text:LABEL> …' and rows of morphemes",
    _fit,
    read_tagged,
)
