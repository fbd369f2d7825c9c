"""Characters with BIO tags, as the KLUE benchmark publishes them: `character TAB tag`.

A line `## id TAB text` stands before an example, an empty line after it. Other lines that begin
with `##` are remarks.
"""

from __future__ import annotations

from collections.abc import Iterator

from encswap.data.formats.blocks import Block, read_blocks
from encswap.data.formats.table import Fit, Format, Misfit, Verdict
from encswap.data.formats.tags import Piece, is_tag, mentions_of, refusal, tags_for
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.data.options import ReadOptions
from encswap.domain import Example

NAME = "klue"
REMARK = "## "


def read_characters(source: Input, _options: ReadOptions, _notes: Notes) -> Iterator[Example]:
    """Read examples whose every character is a row."""
    for block in read_blocks(source, _is_remark):
        rows = [_row(block, number, line) for number, line in block.rows]
        text = "".join(char for char, _ in rows)
        pieces = (Piece(i, i + 1, tag) for i, (_, tag) in enumerate(rows))
        mentions = mentions_of(text, pieces)
        yield Example(id=_id(block), text=text, mentions=mentions, line=block.line)


def write_characters(example: Example) -> str:
    """Write one example, a character on each row."""
    if not example.text:
        raise refusal(example, NAME, "the text is empty")
    if set("\n\r\t") & set(example.text) or set("\n\r\t") & set(example.id):
        raise refusal(example, NAME, "a tab or a line break cannot stand in a row")
    tags = tags_for(example, [(i, i + 1) for i in range(len(example.text))], NAME)
    rows = (f"{char}\t{tag}\n" for char, tag in zip(example.text, tags, strict=True))
    return f"{REMARK}{example.id}\t{example.text}\n{''.join(rows)}\n"


def _row(block: Block, number: int, line: str) -> tuple[str, str]:
    char, tab, tag = line[:1], line[1:2], line[2:]
    if tab != "\t" or not is_tag(tag):
        raise block.error(
            number,
            f"not a character, a tab and a BIO tag: {line[:40]!r}",
            "write rows such as 'H<TAB>B-Disease', and an empty line between examples",
        )
    return char, tag


def _id(block: Block) -> str:
    named = [remark for remark in block.comments if "\t" in remark]
    if not named:
        return f"{block.source.stem}:{block.line}"
    return named[-1].removeprefix("##").strip(" ").partition("\t")[0]


def _is_remark(line: str) -> bool:
    return line.startswith("##")


def _fit(head: Head) -> Verdict:
    rows = [(n, line) for n, line in head.lines if line.strip() and not _is_remark(line)]
    for number, row in rows:
        if row[1:2] != "\t" or not is_tag(row[2:]):
            return Misfit(number, "not a character, a tab and a BIO tag")
    return Fit(1.0, "every row is a character") if head.first[0] else None


CHARACTERS = Format(
    NAME,
    "characters with BIO tags, tab-separated",
    _fit,
    read_characters,
    write_characters,
    drops=("descriptions", "empty labels"),
)
