"""Spans as lists `[start, end, label]`: spaCy's `entities` and doccano's `label`.

spaCy's training pairs `["text", {"entities": …}]` are read as the same. doccano's export of
relations keeps its spans as objects with `start_offset` and `end_offset`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from encswap.data.formats.fields import (
    JsonRecord,
    Likeness,
    RecordShape,
    field,
    is_none,
    json_line,
    kind_of,
    label_text,
    labels_in,
    note_key,
    present,
)
from encswap.data.formats.offsets import Mark, mark_in, mentions_of
from encswap.data.formats.table import ReadOptions
from encswap.data.formats.tags import refusal
from encswap.data.gold import label_set, named_labels
from encswap.data.notes import Notes
from encswap.types import Example

DOCCANO_KEYS = ("label", "labels", "entities", "annotations", "spans")


def spacy_example(record: JsonRecord, _options: ReadOptions, notes: Notes) -> Example:
    """Read `{"text", "entities": [[start, end, label]]}`."""
    text: str = field(record, "text", str)
    mentions = mentions_of(list(_triples(record, "entities", notes)), text, record, notes)
    labels = labels_in(record, notes)
    return Example(
        record.id,
        text,
        mentions,
        labels=labels,
        line=record.line,
        annotated=named_labels({one.label: [one] for one in mentions}, labels),
    )


def doccano_example(record: JsonRecord, _options: ReadOptions, notes: Notes) -> Example:
    """Read `{"text", "label": [[start, end, label]]}`, or `entities` with `start_offset`."""
    text: str = field(record, _text_key(record.values), str)
    key = _gold_key(record.values)
    if _is_words(record.values.get(key)):
        what = "records hold labels of the whole document, which are not read: no spans"
        notes.add("other-tasks", what, record.where)
        return Example(record.id, text, line=record.line)
    mentions = mentions_of(list(_triples(record, key, notes)), text, record, notes)
    for other in DOCCANO_KEYS:
        if other != key and not is_none(record.values.get(other)):
            note_key(other, record, notes)
    if not is_none(record.values.get("relations")):
        count = len(field(record, "relations", list))
        what = "relations between spans are not read from this format"
        notes.add("other-tasks", what, record.where, count)
    return Example(record.id, text, mentions, line=record.line)


def write_spacy(example: Example) -> str:
    """Write one example with its spans in characters, end exclusive."""
    values: dict[str, Any] = {"id": example.id, "text": example.text}
    values["entities"] = _written(example, "spacy")
    if (named := label_set(example)) is not None:
        values["labels"] = list(named)
    return json_line(values)


def write_doccano(example: Example) -> str:
    """Write one example as doccano imports and exports it."""
    spans = _written(example, "doccano")
    return json_line({"id": example.id, "text": example.text, "label": spans})


def _written(example: Example, name: str) -> list[list[Any]]:
    if example.unlocated:
        gold = example.unlocated[0].text
        raise refusal(example, name, f"the gold {gold!r} does not stand in the text")
    return [[one.start, one.end, one.label] for one in example.mentions]


def _triples(record: JsonRecord, key: str, notes: Notes) -> Iterator[Mark]:
    for one in present(field(record, key, list, [])):
        if isinstance(one, dict):
            offset = "start_offset" in one
            names = ("start_offset", "end_offset") if offset else ("start", "end")
            yield mark_in(record.part(one), notes, *names)
        else:
            yield _mark(one, record, notes)


def _mark(one: Any, record: JsonRecord, notes: Notes) -> Mark:
    hint = "write [start, end, label]"
    if not isinstance(one, list):
        raise record.error(f"a span should be a list, not {kind_of(one)}", hint)
    if len(one) < 3:
        raise record.error(f"a span has {len(one)} values, not start, end and label", hint)
    if len(one) > 3 and any(not is_none(rest) and rest != "" for rest in one[3:]):
        notes.add("unread-values", "spans hold more than start, end and label", record.where)
    ends = record.part({"start": one[0], "end": one[1]})
    label = label_text(one[2], record, notes)
    return Mark(field(ends, "start", int), field(ends, "end", int), label)


def _gold_key(values: Mapping[str, Any]) -> str:
    there = [key for key in DOCCANO_KEYS if key in values]
    full = [key for key in there if not is_none(values[key])]
    return next(iter(full + there), "label")


def _text_key(values: Mapping[str, Any]) -> str:
    return "text" if "text" in values or "data" not in values else "data"


def _is_words(value: Any) -> bool:
    """Whether the labels are of a whole document: words, not spans."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _like_spacy(values: Mapping[str, Any]) -> Likeness:
    if not isinstance(values.get("text"), str) or "entities" not in values:
        return 0
    return _alike(values["entities"])


def _like_doccano(values: Mapping[str, Any]) -> Likeness:
    if not isinstance(values.get(_text_key(values)), str) or "spans" in values:
        return 0
    for key in ("entities", "annotations"):
        if key in values and (first := _first(values[key])) is not None:
            return 2 if isinstance(first, dict) and "start_offset" in first else 0
    key = next((key for key in ("label", "labels") if key in values), "")
    if not key:
        return 1 if "entities" in values and is_none(values["entities"]) else 0
    if "entities" in values and isinstance(values["entities"], dict) and values["entities"]:
        return 0
    return _alike(values[key])


def _alike(value: Any) -> Likeness:
    if is_none(value):
        return 1
    first = _first(value)
    if isinstance(first, list):
        return 2 if isinstance(value, list) else 0
    return 1 if isinstance(value, list) and first is None else 0


def _first(value: Any) -> Any:
    listed = value if isinstance(value, list) else []
    return next((one for one in listed if not is_none(one)), None)


SPACY = RecordShape(
    "spacy",
    'spaCy: JSONL {"text", "entities": [[start, end, label]]}, or pairs ["text", {"entities"}]',
    "'text' and 'entities' as lists of start, end and label",
    _like_spacy,
    spacy_example,
    frozenset({"id", "text", "entities", "labels"}),
    write_spacy,
    drops=("descriptions",),
    keeps=("label sets", "overlaps"),
    lists=True,
)
DOCCANO = RecordShape(
    "doccano",
    'doccano: JSONL {"text", "label": [[start, end, label]]}',
    "'text' and 'label' as lists of start, end and label",
    _like_doccano,
    doccano_example,
    frozenset({"id", "text", "data", "relations", *DOCCANO_KEYS}),
    write_doccano,
    drops=("descriptions", "empty labels"),
    keeps=("overlaps",),
)
