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
from encswap.data.gold import clean_label, find_gold, gold_string, label_set, named_labels
from encswap.data.input import Head, Input
from encswap.data.locate import locate
from encswap.data.notes import Notes
from encswap.data.options import ReadOptions
from encswap.domain import Example, Mention, labels_of


def read_plan(source: Input, options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Read `{"text", "entities": {label: [string]}, "entity_descriptions", "id"}`, one a line."""
    for record in read_records(source):
        yield _example(record, field(record, "text", str), record, options, notes)


def read_extraction(source: Input, options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Read `{"input", "output": {"entities", …}}`, or `{"text", "schema": {…}}`, one a line."""
    for record in read_records(source):
        modern = "input" in record.values or "schema" not in record.values
        text = field(record, "input" if modern else "text", str)
        gold = record.inner("output" if modern else "schema")
        yield _example(record, text, gold, options, notes)


def write_plan(example: Example) -> str:
    """Write one example with its gold as strings, or with offsets where strings say less."""
    values: dict[str, Any] = {"id": example.id, "text": example.text}
    return json_line({**values, **_gold_values(example), **_labels_of(example)})


def write_extraction(example: Example) -> str:
    """Write one example as gliner2 trains on it; other readers pass the id over."""
    values: dict[str, Any] = {"id": example.id, "input": example.text}
    return json_line({**values, "output": _gold_values(example), **_labels_of(example)})


def _labels_of(example: Example) -> dict[str, Any]:
    """Return the label set that the example names where its empty labels do not name it."""
    named = label_set(example)
    gold = {one.label for one in (*example.mentions, *example.unlocated)}
    return {"labels": list(named)} if named is not None and set(named) <= gold else {}


def _gold_values(example: Example) -> dict[str, Any]:
    gold = _strings_of(example) or _spans_of(example)
    for one in example.unlocated:
        gold[one.label].append(one.text)
    values: dict[str, Any] = {"entities": gold}
    if example.descriptions:
        values["entity_descriptions"] = dict(example.descriptions)
    return values


def _strings_of(example: Example) -> dict[str, list[Any]] | None:
    """Return the gold as strings by label, None where strings would not say which are meant."""
    gold: dict[str, list[Any]] = {label: [] for label in labels_of([example])}
    for one in example.mentions:
        if one.text not in gold[one.label]:
            gold[one.label].append(one.text)
    exact = all(
        locate(example.text, gold, how).mentions == example.mentions
        for how in ("all", "standalone")
    )
    return gold if exact else None


def _spans_of(example: Example) -> dict[str, list[Any]]:
    gold: dict[str, list[Any]] = {label: [] for label in labels_of([example])}
    for one in example.mentions:
        gold[one.label].append({"text": one.text, "start": one.start, "end": one.end})
    return gold


def _example(
    record: Record, text: str, gold: Record, options: ReadOptions, notes: Notes
) -> Example:
    entities = field(gold, "entities", dict)
    strings: dict[str, list[str]] = {}
    placed: set[Mention] = set()
    for name, values in entities.items():
        label = clean_label(clean(name, "entities", record), record.where, notes)
        mine = strings.setdefault(label, [])
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, dict):
                placed.add(mention_at({**value, "label": label}, text, record, notes))
            else:
                mine.append(_string(value, label, record, notes))
    mentions, unlocated = find_gold(
        text, strings, record.where, notes, how=options.occurrences, placed=placed
    )
    named = field(record, "labels", list, [])
    labels = [clean_label(str(label), record.where, notes) for label in named]
    marked = {one.label for one in mentions}
    found = {label: mine or [label] * (label in marked) for label, mine in strings.items()}
    return Example(
        id=record.id,
        text=text,
        mentions=mentions,
        unlocated=unlocated,
        labels=tuple(dict.fromkeys([*labels, *strings])),
        annotated=named_labels(found, labels),
        descriptions=descriptions(gold),
        line=record.line,
    )


def _string(value: Any, label: str, record: Record, notes: Notes) -> str:
    if not isinstance(value, str):
        raise record.error(
            f"an entity of {label!r} should be a string, not {kind_of(value)}",
            hint='write {"label": ["string", …]}',
        )
    return gold_string(clean(value, label, record), label, record.where, notes)


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
