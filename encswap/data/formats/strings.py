"""Gold given by label: strings to be found in the text, or strings with their offsets.

Two formats hold it: the plan's `{"text", "entities"}` and gliner2's `{"input", "output"}`.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from encswap.data.formats.offsets import mention_at
from encswap.data.formats.table import Fit, Format, Misfit, Verdict
from encswap.data.input import Head, Input
from encswap.data.locate import locate
from encswap.data.notes import Notes
from encswap.data.options import ReadOptions
from encswap.domain import Example, Mention, labels_of


def read_plan(source: Input, _options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Read `{"text", "entities": {label: [string]}, "entity_descriptions", "id"}`, one a line."""
    for record in read_records(source):
        yield _example(record, field(record, "text", str), record, notes)


def read_extraction(source: Input, _options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Read `{"input", "output": {"entities", …}}`, or `{"text", "schema": {…}}`, one a line."""
    for record in read_records(source):
        modern = "input" in record.values or "schema" not in record.values
        text = field(record, "input" if modern else "text", str)
        yield _example(record, text, record.inner("output" if modern else "schema"), notes)


def write_plan(example: Example) -> str:
    """Write one example with its gold as strings, or with offsets where strings say less."""
    values: dict[str, Any] = {"id": example.id, "text": example.text}
    return json_line({**values, **_gold_values(example)})


def write_extraction(example: Example) -> str:
    """Write one example as gliner2 trains on it; other readers pass the id over."""
    return json_line({"id": example.id, "input": example.text, "output": _gold_values(example)})


def _gold_values(example: Example) -> dict[str, Any]:
    entities = {label: _gold_of(example, label) for label in labels_of([example])}
    values: dict[str, Any] = {"entities": entities}
    if example.descriptions:
        values["entity_descriptions"] = dict(example.descriptions)
    return values


def _gold_of(example: Example, label: str) -> list[Any]:
    mentions = [mention for mention in example.mentions if mention.label == label]
    missing = [gold.text for gold in example.unlocated if gold.label == label]
    strings = list(dict.fromkeys(mention.text for mention in mentions))
    if locate(example.text, {label: strings}).mentions == tuple(mentions):
        return strings + missing
    spans = [{"text": one.text, "start": one.start, "end": one.end} for one in mentions]
    return spans + missing


def _example(record: Record, text: str, gold: Record, notes: Notes) -> Example:
    entities = field(gold, "entities", dict)
    strings: dict[str, list[str]] = {}
    placed: set[Mention] = set()
    for label, values in entities.items():
        _check_label(label, record)
        strings[label] = []
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, dict):
                placed.add(mention_at({**value, "label": label}, text, record))
            else:
                strings[label].append(_string(value, label, record))
    found = locate(text, strings)
    for repair in found.repairs:
        notes.repair(record.where, repair)
    return Example(
        id=record.id,
        text=text,
        mentions=tuple(sorted(placed.union(found.mentions))),
        unlocated=found.unlocated,
        labels=tuple(entities),
        descriptions=descriptions(gold),
        line=record.line,
    )


def _check_label(label: str, record: Record) -> None:
    clean(label, "entities", record)
    if not label.strip():
        raise record.error("a label is empty", hint="name every label under 'entities'")


def _string(value: Any, label: str, record: Record) -> str:
    if not isinstance(value, str):
        raise record.error(
            f"an entity of {label!r} should be a string, not {kind_of(value)}",
            hint='write {"label": ["string", …]}',
        )
    if not value.strip():
        raise record.error(f"an entity of {label!r} is {_nothing(value)}", hint="leave it out")
    return clean(value, label, record)


def _nothing(value: str) -> str:
    return "only white space" if value else "empty"


def _fit_plan(head: Head) -> Verdict:
    values = first_record(head)
    if not isinstance(values, dict):
        return values
    if "text" in values and isinstance(values.get("entities"), dict):
        return Fit(1.0, "'text' and an object of entities")
    return Misfit(head.first[0], f"the record holds {keys_of(values)}, not 'text' and 'entities'")


def _fit_extraction(head: Head) -> Verdict:
    values = first_record(head)
    if not isinstance(values, dict):
        return values
    if "input" in values or ("text" in values and "schema" in values):
        return Fit(0.8, "'input' and 'output'")
    return Misfit(head.first[0], f"the record holds {keys_of(values)}, not 'input' and 'output'")


PLAN = Format(
    "plan",
    'JSONL {"text", "entities": {label: [string]}, "id"}',
    _fit_plan,
    read_plan,
    write_plan,
)
EXTRACTION = Format(
    "gliner2",
    'JSONL {"input", "output": {"entities": {label: [string]}}}',
    _fit_extraction,
    read_extraction,
    write_extraction,
)
