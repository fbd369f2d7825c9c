"""Gold given by offsets: `{"id", "text", "spans": [{"start", "end", "label"}]}`, one a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from encswap.data.formats.fields import (
    Record,
    clean,
    descriptions,
    field,
    first_record,
    json_line,
    keys_of,
    kind_of,
    read_records,
)
from encswap.data.formats.table import Fit, Format, Misfit, Verdict
from encswap.data.input import Head, Input
from encswap.data.locate import same_text
from encswap.data.notes import Notes
from encswap.data.options import ReadOptions
from encswap.domain import Example, Mention, Unlocated

KEYS = ("spans", "mentions", "entities")


def read_spans(source: Input, _options: ReadOptions, _notes: Notes) -> Iterator[Example]:
    """Read spans in characters of the text, end exclusive; `text` in a span is checked."""
    for record in read_records(source):
        text = field(record, "text", str)
        spans = field(record, _key(record), list)
        mentions = {mention_at(_object(span, record), text, record) for span in spans}
        labels = field(record, "labels", list, [])
        yield Example(
            id=record.id,
            text=text,
            mentions=tuple(sorted(mentions)),
            unlocated=tuple(_unlocated(record)),
            labels=tuple(_label({"label": label}, record) for label in labels),
            descriptions=descriptions(record),
            line=record.line,
        )


def write_spans(example: Example) -> str:
    """Write one example with all that is known of it."""
    values: dict[str, Any] = {
        "id": example.id,
        "text": example.text,
        "spans": [
            {"start": one.start, "end": one.end, "label": one.label, "text": one.text}
            for one in example.mentions
        ],
    }
    if example.unlocated:
        missing = [{"label": gold.label, "text": gold.text} for gold in example.unlocated]
        values["unlocated"] = missing
    if example.labels:
        values["labels"] = list(example.labels)
    if example.descriptions:
        values["entity_descriptions"] = dict(example.descriptions)
    return json_line(values)


def mention_at(span: Mapping[str, Any], text: str, record: Record) -> Mention:
    """Build the mention that `span` describes; refuse offsets that do not hold in `text`."""
    inner = Record(span, record.source, record.line)
    start, end = field(inner, "start", int), field(inner, "end", int)
    label = _label(span, record)
    if not 0 <= start < end <= len(text):
        raise record.error(
            f"a {label!r} span [{start}, {end}) is not inside the text of {len(text)} characters",
            hint="offsets count characters from 0, the end is exclusive and after the start",
        )
    covered = text[start:end]
    if not covered.strip():
        raise record.error(f"the {label!r} span [{start}, {end}) covers only white space")
    given = field(inner, "text", str, covered)
    if not same_text(given, covered):
        raise record.error(
            f"the {label!r} span [{start}, {end}) covers {covered!r}, not {given!r}",
            hint="offsets count characters of the text as it is written, not bytes or tokens",
        )
    return Mention(start, end, label, covered)


def _key(record: Record) -> str:
    return next((key for key in KEYS if key in record.values), KEYS[0])


def _object(span: Any, record: Record) -> Mapping[str, Any]:
    if not isinstance(span, dict):
        raise record.error(f"a span should be an object, not {kind_of(span)}")
    return span


def _label(span: Mapping[str, Any], record: Record) -> str:
    label: str = field(Record(span, record.source, record.line), "label", str)
    if not label.strip():
        raise record.error("a span's label is empty")
    return clean(label, "label", record)


def _unlocated(record: Record) -> Iterator[Unlocated]:
    for gold in field(record, "unlocated", list, []):
        inner = Record(_object(gold, record), record.source, record.line)
        yield Unlocated(_label(inner.values, record), field(inner, "text", str))


def _fit(head: Head) -> Verdict:
    values = first_record(head)
    if not isinstance(values, dict):
        return values
    if "text" in values and any(isinstance(values.get(key), list) for key in KEYS):
        return Fit(1.0, "'text' and a list of spans")
    return Misfit(head.first[0], f"the record holds {keys_of(values)}, not 'text' and 'spans'")


SPANS = Format(
    "spans",
    'JSONL {"id", "text", "spans": [{"start", "end", "label"}]}',
    _fit,
    read_spans,
    write_spans,
)
