"""spaCy's binary files (`.spacy`, DocBin): needs the extra `spacy`, and unpickles nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from encswap.data.formats.fields import JsonRecord
from encswap.data.formats.offsets import Mark, mentions_of
from encswap.data.formats.table import FileFormat, Fit, ReadOptions, Verdict
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.types import Example

_ZLIB = (b"x\x01", b"x^", b"x\x9c", b"x\xda")


def read_docs(source: Input, _options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Yield an example for each document; its entities are `doc.ents`."""
    try:
        import spacy
        from spacy.tokens import DocBin
    except ImportError as error:
        raise source.error(
            "a .spacy file needs the extra 'spacy'", "pip install 'encswap[spacy]', or use JSON"
        ) from error
    try:
        # spaCy's own format is zlib over msgpack; neither runs code of the file.
        docs = list(DocBin().from_bytes(source.whole()).get_docs(spacy.blank("xx").vocab))
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise source.error(f"no file of spaCy's DocBin ({reason})", "write it again") from error
    if not docs:
        raise source.error("the file holds no document", "give an example")
    for number, doc in enumerate(docs, start=1):
        yield _example(doc, JsonRecord({}, source, number), notes)


def _example(doc: Any, record: JsonRecord, notes: Notes) -> Example:
    _note_others(doc, record, notes)
    marks = [Mark(one.start_char, one.end_char, one.label_) for one in doc.ents if one.label_]
    mentions = mentions_of(marks, doc.text, record, notes)
    return Example(record.id, doc.text, mentions, line=record.line)


def _note_others(doc: Any, record: JsonRecord, notes: Notes) -> None:
    for name, group in doc.spans.items():
        if len(group):
            what = f"documents hold a group of spans {name!r}, which is not read: entities are"
            notes.add("other-tags", what, record.where)
    if doc.cats:
        notes.add("other-tasks", "documents hold cats, which are not read", record.where)
    missing = sum(token.ent_iob == 0 for token in doc)
    if missing and missing < len(doc):
        what = "documents leave some tokens without saying whether they are entities"
        notes.add("unjudged-tokens", what, record.where)


def _fit(head: Head) -> Verdict:
    packed = head.start.startswith(_ZLIB) and head.path.suffix == ".spacy"
    return Fit(1.0, "packed bytes in a .spacy") if packed else None


DOCBIN = FileFormat("docbin", "spaCy: DocBin, a .spacy file", _fit, read_docs)
