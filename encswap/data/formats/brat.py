"""A folder of brat: each text in a `.txt`, its spans in the `.ann` of the same name.

Offsets count characters of the text as it is in the file, line ends too. A span of several parts
is no span that GLiNER2 can return: it is kept as gold that is not in its text, so that it is
scored as a miss, and counted. What else brat knows (relations, events, attributes, notes) is
counted by its kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from encswap.data.formats.fields import JsonRecord, shown
from encswap.data.formats.offsets import Mark, mentions_of
from encswap.data.formats.table import FileFormat, Fit, Misfit, ReadOptions, Verdict
from encswap.data.gold import clean_label, gold_string
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.types import Example, Unlocated

KINDS = {
    "R": "relations",
    "E": "events",
    "A": "attributes",
    "M": "attributes",
    "N": "normalizations",
    "*": "equivalences",
    "#": "notes of annotators",
}
_SPAN = re.compile(r"(\S.*?)\s+(\d+ \d+(?:;\d+ \d+)*)")


def read_folder(source: Input, _options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Yield an example for each text of a folder, in the order of their names."""
    pairs = _pairs(source.path)
    if not pairs:
        raise source.error("the folder holds no .ann beside a .txt", "give a folder of brat")
    for text in _files(source.path, ".txt"):
        if not text.with_suffix(".ann").is_file():
            what = "texts have no .ann, and were left out: nobody annotated them"
            notes.add("texts-without-annotation", what, str(text))
    for path in _files(source.path, ".ann"):
        if not path.with_suffix(".txt").is_file():
            notes.add("annotations-without-text", ".ann have no .txt and were left out", str(path))
    for name, text, marks in pairs:
        yield _example(name, text, marks, notes)


def _pairs(folder: Path) -> list[tuple[str, Path, Path]]:
    """Return the name, the text and the annotations of each document of a folder."""
    pairs = ((one, one.with_suffix(".ann")) for one in _files(folder, ".txt"))
    return [
        (one.relative_to(folder).with_suffix("").as_posix(), one, other)
        for one, other in pairs
        if other.is_file()
    ]


def _files(folder: Path, ending: str) -> list[Path]:
    """Return the files of a folder and of the folders in it, by their names."""
    return sorted((*folder.glob(f"*{ending}"), *folder.glob(f"*/*{ending}")))


def _example(name: str, path: Path, beside: Path, notes: Notes) -> Example:
    text = _text(path)
    marks: list[Mark] = []
    missing: list[Unlocated] = []
    with Input(beside) as source:
        for number, line in _lines(source):
            record = JsonRecord({}, source, number)
            if not line.strip():
                continue
            if not line.startswith("T"):
                _note(line, record, notes)
                continue
            found = _span(line, text, record, notes)
            if isinstance(found, Mark):
                marks.append(found)
            else:
                missing.append(found)
        # Every mark was held against the text at its own line; this gathers them.
        mentions = mentions_of(marks, text, JsonRecord({}, source, None), notes)
    return Example(name, text, mentions, tuple(missing))


def _span(line: str, text: str, record: JsonRecord, notes: Notes) -> Mark | Unlocated:
    """Read a span, and hold it against the text."""
    columns = line.split("\t")
    found = _SPAN.fullmatch(columns[1].strip()) if len(columns) > 1 else None
    if found is None:
        raise record.error(
            f"no span: {line[:40]!r}", hint="write T1, a tab, 'Label 0 3', a tab, and the text"
        )
    label = clean_label(found[1], record.where, notes)
    parts = _joined([_ends(part) for part in found[2].split(";")], text)
    if len(parts) > 1:
        for start, end in parts:
            mentions_of([Mark(start, end, label)], text, record, Notes())
        gold = " ".join(text[start:end] for start, end in parts)
        if len(columns) > 2 and columns[2].split() != gold.split():
            raise record.error(f"the parts cover {shown(gold)}, not {shown(columns[2])}")
        what = "spans are of several parts: kept as gold that is not in its text, a miss"
        notes.add("discontinuous-spans", what, record.where)
        return Unlocated(label, gold_string(gold, label, record.where, notes))
    start, end = parts[0]
    given = columns[2] if len(columns) > 2 else None
    # brat writes a space for each line end in a span.
    same = given is not None and given.split() == text[start:end].split()
    mark = Mark(start, end, label, None if same else given)
    mentions_of([mark], text, record, Notes())
    return mark


def _ends(part: str) -> tuple[int, int]:
    start, end = part.split()
    return int(start), int(end)


def _joined(parts: list[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Join parts that only white space divides: brat writes a span over two lines as two."""
    joined = parts[:1]
    for start, end in parts[1:]:
        if joined[-1][1] <= start and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _note(line: str, record: JsonRecord, notes: Notes) -> None:
    kind = KINDS.get(line[0])
    if kind is None:
        raise record.error(f"no annotation of brat: {line[:40]!r}", hint="known: T R E A M N * #")
    where = record.where
    if line[0] == "#":
        notes.add("about", f"{kind} are not read", where)
    else:
        notes.add("other-tasks", f"{kind} are not read from this format", where)


def _lines(source: Input) -> Iterator[tuple[int, str]]:
    """Yield the lines of annotations, of which there may be none."""
    if source.head.complete and not source.head.start:
        return iter(())
    return source.lines()


def _text(path: Path) -> str:
    with Input(path) as source:
        if source.head.complete and not source.head.start:
            raise source.error("the text is empty", "leave it out, or fetch it again")
    try:
        # Offsets count the characters of the file: line ends stay as they are.
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise source.error(f"not UTF-8 (byte {error.start + 1})", "save it as UTF-8") from error


def _fit(head: Head) -> Verdict:
    if head.kind == "folder":
        if _files(head.path, ".ann"):
            return Fit(1.0, "a folder with .ann")
        return Misfit(None, "the folder holds no .ann")
    if head.path.suffix == ".ann":
        return Misfit(1, "this is one file of brat: give its folder")
    return None


BRAT = FileFormat("brat", "brat: a folder of .txt and .ann", _fit, read_folder)
