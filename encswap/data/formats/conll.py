"""Words with BIO tags, a row each, as CoNLL-2003 and its many relatives keep them.

What the columns mean is found by their contents (`layout`). A column may say what stands between
words, as CoNLL-U and UDPipe do: `SpaceAfter=No`, `SpacesAfter=\\s\\n`, `SpacesBefore=\\s`, or `_`
for one space; so may a remark `# text = …`. Where both lack, one space is put between words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from encswap.data.formats.characters import looks_like_characters
from encswap.data.formats.columns import ColumnRow, Layout, layout_of
from encswap.data.formats.table import FileFormat, Fit, Misfit, ReadOptions, Verdict
from encswap.data.formats.tagged import looks_tagged
from encswap.data.formats.tags import Piece, gold_of, refusal, spans_of, tags_for, trimmed
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.types import Example

NAME = "conll"
HINT = "write rows such as 'Hypertension B-Disease', and an empty line between examples"
MANY = 5
"""Columns of a single row that cannot be told from a sentence."""
NO_SPACE = "SpaceAfter=No"
_KEYED = re.compile(r"# ?\w+ ?=[^\t]*$")
_REMARK = re.compile(r"#+(?:\s|$)|##|#[^\t]*\s[^\t]*\S")
_DOCUMENT = re.compile(r"\s*-+ ?DOCSTART\b", re.IGNORECASE)
_ID = re.compile(r"#\s*(?:sent_)?id(?:\s*=\s?|\s+)(.*)", re.DOTALL)
_TEXT = re.compile(r"#\s*text\s*=\s?(.*)", re.DOTALL)
_ESCAPES = {" ": r"\s", "\t": r"\t", "\n": r"\n", "\r": r"\r"}


@dataclass
class _Sentence:
    """The rows of one example, with the remarks before them."""

    remarks: list[str] = field(default_factory=list)
    rows: list[ColumnRow] = field(default_factory=list)


def read_words(source: Input, options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Read examples whose every word is a row."""
    layout = layout_of_head(source.head, options.tag_column)
    if isinstance(layout, Misfit):
        if not source.head.first[0]:
            list(source.lines())
            raise source.error("the file holds only blank lines", "give an example")
        raise source.error(layout.reason, HINT, line=layout.line)
    label = _label(source, layout, options)
    _tell_columns(layout, notes)
    count = 0
    for sentence in _sentences(source, layout, notes):
        count += 1
        yield _example(source, layout, sentence, label, notes)
    if not count:
        raise source.error("the file holds no rows", "give an example")


def layout_of_head(head: Head, tag_column: str | None = None) -> Layout | Misfit:
    """Find what the columns of a file mean by its beginning."""
    lines = [(number, line) for number, line in head.lines if line.strip()]
    plain = [one for one in lines if not (one[1].startswith("#") or _DOCUMENT.match(one[1]))]
    rows = plain or [one for one in lines if not (_is_remark(one[1]) or _DOCUMENT.match(one[1]))]
    return layout_of(rows, [line for _, line in lines if line.startswith("#")], tag_column)


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


def _label(source: Input, layout: Layout, options: ReadOptions) -> str | None:
    """The label of tags that name none, for them alone; refuse them without it."""
    if layout.style.order == "bare" and not options.label:
        raise source.error(
            f"the tags in column {layout.name_of(layout.tag)} name no type (B, I, O)",
            "say which it is with --tag-label NAME",
        )
    return options.label


def _tell_columns(layout: Layout, notes: Notes) -> None:
    if layout.style.order == "plain":
        notes.add(
            "tags-without-bio",
            "columns of tags say no B or I: neighbours of one type are one mention",
        )
    for at, _ in layout.others:
        notes.add("other-tag-column", _other(layout, at), count=0)


def _other(layout: Layout, at: int) -> str:
    return (
        f"mentions in tag column {layout.name_of(at)} are not read: the tags are read from column "
        f"{layout.name_of(layout.tag)} (--tag-column {at + 1} reads the others)"
    )


def _sentences(source: Input, layout: Layout, notes: Notes) -> Iterator[_Sentence]:
    """Yield the rows between blank lines; without any, where the count of rows begins again."""
    blanks = any(not line.strip() for _, line in source.head.lines)
    sentence = _Sentence()
    for number, line in source.lines():
        if not line.strip():
            if sentence.rows:
                yield sentence
            sentence = _Sentence()
            continue
        if layout.header and line.rstrip() == layout.header.rstrip():
            notes.add("header", "rows were read as the names of columns", source.where(number))
            continue
        row = layout.row(number, line)
        if _is_document(line, row, layout):
            if sentence.rows:
                yield sentence
                sentence = _Sentence()
            continue
        if _KEYED.match(line) or (isinstance(row, str) and _is_remark(line)):
            if sentence.rows:
                notes.add("remarks", "remarks stand inside of examples", source.where(number))
            sentence.remarks.append(line)
            continue
        if isinstance(row, str):
            raise source.error(f"not a word and a BIO tag: {row}: {line[:40]!r}", HINT, line=number)
        if not row.sentence and sentence.rows:
            row = replace(row, sentence=sentence.rows[-1].sentence)
        if sentence.rows and not blanks and _begins(row, sentence.rows[-1], layout):
            yield sentence
            sentence = _Sentence()
        sentence.rows.append(row)
    if sentence.rows:
        yield sentence


def _begins(row: ColumnRow, before: ColumnRow, layout: Layout) -> bool:
    """Whether a row begins a sentence in a file that has no blank lines."""
    restarts = layout.index is not None and row.index < 2 and row.index <= before.index
    return row.sentence != before.sentence or restarts


def _is_document(line: str, row: ColumnRow | str, layout: Layout) -> bool:
    """Whether a row marks a document's beginning; where spaces are told it may be a word."""
    if not _DOCUMENT.match(line):
        return False
    if isinstance(row, str):
        return True
    return row.tag == "O" and (layout.spaces is None or len(layout.cells(line)) <= layout.spaces)


def _is_remark(line: str) -> bool:
    return _REMARK.match(line) is not None


def _example(
    source: Input, layout: Layout, sentence: _Sentence, label: str | None, notes: Notes
) -> Example:
    rows = list(_worded(source, layout, sentence.rows, notes))
    text, spans = _joined(rows)
    whole = _spaced(sentence.remarks, rows) if layout.spaces is None else None
    if whole is not None:
        text, spans = whole
    pieces = [
        Piece(*span, f"{row.tag}-{label}" if label and row.tag in "BIESLUMW" else row.tag, row.line)
        for span, row in zip(spans, rows, strict=True)
    ]
    mentions = gold_of(text, pieces, source, notes)
    for place, (at, _) in enumerate(layout.others):
        others = [
            Piece(*span, f"{tag}-?" if "-" not in tag and tag != "O" else tag)
            for span, tag in zip(spans, (row.others[place] for row in rows), strict=True)
        ]
        found = spans_of(others)
        if found:
            where = source.where(rows[0].line)
            notes.add("other-tag-column", _other(layout, at), where, len(found))
    line = sentence.rows[0].line
    ident = _id(sentence.remarks) or f"{source.stem}:{line}"
    return Example(id=ident, text=text, mentions=mentions, line=line)


def _worded(
    source: Input, layout: Layout, rows: Sequence[ColumnRow], notes: Notes
) -> Iterator[ColumnRow]:
    """Yield the rows that hold a word; an empty one may stand there untagged."""
    if layout.language:
        notes.add("language", f"words stood behind {layout.language!r}", count=len(rows))
    for row in rows:
        if row.padded:
            notes.add(
                "padded-tags",
                "rows ended in white space, which was taken off",
                source.where(row.line),
            )
        if row.word.strip() or (row.word and (row.tag != "O" or layout.spaces is not None)):
            yield row
        elif row.tag != "O":
            raise source.error("a mention's word is empty", "tag it O", line=row.line)
        else:
            notes.add("empty-words", "rows without a word were left out", source.where(row.line))


def _joined(rows: Sequence[ColumnRow]) -> tuple[str, list[tuple[int, int]]]:
    text, after = "", ""
    spans: list[tuple[int, int]] = []
    for row in rows:
        facts = dict(fact.split("=", 1) for fact in row.spaces.split("|") if "=" in fact)
        start = text + after + _unescaped(facts.get("SpacesBefore", ""))
        spans.append((len(start), len(start) + len(row.word)))
        text = start + row.word
        after = "" if facts.get("SpaceAfter") == "No" else _unescaped(facts.get("SpacesAfter", " "))
    # After the last word only what was told stands; a space is put between words alone.
    return text + (after if rows and "SpacesAfter" in rows[-1].spaces else ""), spans


def _spaced(
    remarks: Sequence[str], rows: Sequence[ColumnRow]
) -> tuple[str, list[tuple[int, int]]] | None:
    """Find the words in the text that a remark gives; None where there is none, or others stand."""
    text = next((found[1] for remark in remarks if (found := _TEXT.match(remark))), None)
    if text is None:
        return None
    spans: list[tuple[int, int]] = []
    end = 0
    for row in rows:
        start = text.find(row.word, end)
        if start < 0 or text[end:start].strip():
            return None
        end = start + len(row.word)
        spans.append((start, end))
    return None if text[end:].strip() else (text, spans)


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


def _id(remarks: Sequence[str]) -> str:
    for remark in remarks:
        found = _ID.match(remark)
        if found:
            return found[1]
    return ""


def _fit(head: Head) -> Verdict:
    """Judge by every row; a file of single characters is none of words."""
    layout = layout_of_head(head)
    if isinstance(layout, Misfit):
        return layout if "\t" in head.first[1] else None
    found = _judge(head, layout)
    braced = head.text.lstrip()[:1] in ("{", "[")
    return None if braced and isinstance(found, Misfit) else found


def _judge(head: Head, layout: Layout) -> Verdict:
    rows: list[ColumnRow] = []
    for number, line in head.lines:
        if not line.strip() or (layout.header and line.rstrip() == layout.header.rstrip()):
            continue
        row = layout.row(number, line)
        if _KEYED.match(line) or _is_document(line, row, layout):
            continue
        if isinstance(row, ColumnRow):
            rows.append(row)
        elif not _is_remark(line):
            return Misfit(number, row)
    if not rows:
        return None
    tags = f"tags in column {layout.name_of(layout.tag)}"
    return _other_kind(head, layout, rows) or Fit(0.85, f"{len(rows):,} rows of a word, {tags}")


def _other_kind(head: Head, layout: Layout, rows: Sequence[ColumnRow]) -> Misfit | None:
    """Say what speaks against words in rows that could be read as such."""
    copy, odd = looks_tagged(head), looks_like_characters(head)
    typed = layout.style.order != "plain"
    tags = typed and all(layout.style.read(row.word) is not None for row in rows)
    same = len(rows) > MANY and len({row.word for row in rows}) == 1
    if tags or same or (len(rows) == 1 and (layout.width > MANY or layout.others)):
        return Misfit(rows[0].line, "no column holds words")
    if copy is not None and layout.width > 2:
        return Misfit(copy, "a sentence and its tagged copy stand before the rows")
    if 2 * sum(" " in row.word for row in rows) > len(rows):
        return Misfit(rows[0].line, "most words hold spaces")
    if odd is not None:
        return Misfit(odd, "rows hold single characters, which no space is between")
    return None


WORDS = FileFormat(
    NAME,
    "words with BIO tags, one on each line",
    _fit,
    read_words,
    write_words,
    drops=("descriptions", "empty labels", "spaces"),
)
