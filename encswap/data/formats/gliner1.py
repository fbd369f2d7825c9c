"""GLiNER's first format: `{"tokenized_text": [word], "ner": [[first, last, label]]}`.

Spans count words, and their last word is included. Words are joined by the spaces that the record
tells (`ws`, `space_after`, or its `text`), else by one space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from encswap.data.formats.fields import (
    JsonRecord,
    Likeness,
    RecordShape,
    field,
    json_line,
    kind_of,
    label_text,
    labels_in,
    present,
)
from encswap.data.formats.offsets import Mark, mentions_of
from encswap.data.formats.table import ReadOptions
from encswap.data.formats.tags import refusal, trimmed
from encswap.data.formats.tokens import Span, cut, text_of
from encswap.data.gold import label_set, named_labels
from encswap.data.notes import Notes
from encswap.types import Example

LABELS = ("ner_labels", "labels", "label")
NEGATIVES = ("ner_negatives", "negatives", "negative")


def gliner_example(record: JsonRecord, _options: ReadOptions, notes: Notes) -> Example:
    """Read words and the spans of them."""
    text, spans = text_of(record, "tokenized_text", notes)
    marks = list(_marks(record, spans, notes))
    mentions = mentions_of(marks, text, record, notes)
    key = next((key for key in LABELS if key in record.values), LABELS[0])
    labels = labels_in(record, notes, key)
    for key in NEGATIVES:
        if list(present(field(record, key, list, []))):
            what = f"records name labels under {key!r} that are drawn as negatives: not read"
            notes.add("negatives", what, record.where)
    named = named_labels({one.label: [one] for one in mentions}, labels)
    return Example(record.id, text, mentions, labels=labels, line=record.line, annotated=named)


def write_gliner(example: Example) -> str:
    """Write one example; words are cut at white space and where a mention begins or ends."""
    if example.unlocated:
        gold = example.unlocated[0].text
        raise refusal(example, "gliner1", f"the gold {gold!r} does not stand in the text")
    example = trimmed(example)
    spans = cut(example)
    if not spans:
        raise refusal(example, "gliner1", "the text holds no word")
    first = {start: place for place, (start, _) in enumerate(spans)}
    last = {end: place for place, (_, end) in enumerate(spans)}
    for one in example.mentions:
        if one.start not in first or one.end not in last:
            raise refusal(example, "gliner1", f"the mention {one.text!r} is no row of words")
    values: dict[str, Any] = {
        "id": example.id,
        "text": example.text,
        "tokenized_text": [example.text[slice(*span)] for span in spans],
        "ner": [[first[one.start], last[one.end], one.label] for one in example.mentions],
    }
    if (named := label_set(example)) is not None:
        values["ner_labels"] = list(named)
    return json_line(values)


def _marks(record: JsonRecord, spans: list[Span], notes: Notes) -> Iterator[Mark]:
    hint = "write [first, last, label]: words are counted from 0, the last one is included"
    for one in present(field(record, "ner", list, [])):
        if not isinstance(one, list):
            raise record.error(f"a span of 'ner' should be a list, not {kind_of(one)}", hint)
        if len(one) != 3:
            raise record.error(f"a span of 'ner' has {len(one)} values, not three", hint)
        ends = record.part({"first": one[0], "last": one[1]})
        first, last = field(ends, "first", int), field(ends, "last", int)
        if not 0 <= first <= last < len(spans):
            place = f"[{first}, {last}]" if last < 10**9 else "with a huge number"
            raise record.error(f"the span {place} is not among {len(spans)} words", hint)
        yield Mark(spans[first][0], spans[last][1], label_text(one[2], record, notes))


def _like(values: Mapping[str, Any]) -> Likeness:
    return 2 if "tokenized_text" in values else 0


GLINER1 = RecordShape(
    "gliner1",
    'GLiNER v1: JSON {"tokenized_text": [word], "ner": [[first, last, label]]}',
    "'tokenized_text' and 'ner'",
    _like,
    gliner_example,
    frozenset({"id", "text", "tokenized_text", "ner", "ws", "space_after", *LABELS, *NEGATIVES}),
    write_gliner,
    drops=("descriptions",),
    keeps=("label sets", "overlaps"),
)
