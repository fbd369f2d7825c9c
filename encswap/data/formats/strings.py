"""Gold given by label: strings to be found in the text, or strings with their offsets.

Two formats hold it: the plan's `{"text", "entities"}` and gliner2's `{"input", "output"}`, whose
other tasks (classifications, relations, structures) go with the example.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from encswap.data.formats.fields import (
    TASKS,
    JsonRecord,
    Likeness,
    RecordShape,
    clean,
    descriptions,
    field,
    is_none,
    json_line,
    kind_of,
    label_text,
    labels_in,
    present,
    shown,
    tasks_in,
)
from encswap.data.formats.offsets import Mark, mark_in, mentions_of
from encswap.data.formats.table import HARD, ReadOptions
from encswap.data.gold import find_gold, gold_string, label_set, named_labels
from encswap.data.locate import locate
from encswap.data.notes import Notes
from encswap.data.tasks import check_tasks
from encswap.types import Example, labels_of


def plan_example(record: JsonRecord, options: ReadOptions, notes: Notes) -> Example | None:
    """Read `{"text", "entities": {label: [string]}, "entity_descriptions", "id"}`."""
    return _example(record, field(record, "text", str), record, options, notes)


def extraction_example(record: JsonRecord, options: ReadOptions, notes: Notes) -> Example | None:
    """Read `{"input", "output": {"entities", …}}`, or `{"text", "schema": {…}}`."""
    text = field(record, "input" if _is_modern(record.values) else "text", str)
    return _example(record, text, record.part(_inner(record)), options, notes)


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
    gold = {one.label for one in example.gold}
    return {"labels": list(named)} if named is not None and set(named) <= gold else {}


def _gold_values(example: Example) -> dict[str, Any]:
    gold = _strings_of(example) or _spans_of(example)
    for one in example.unlocated:
        gold[one.label].append(one.text)
    values: dict[str, Any] = {} if example.tasks and example.annotated == () else {"entities": gold}
    if example.descriptions:
        values["entity_descriptions"] = dict(example.descriptions)
    return {**values, **example.tasks}


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
    record: JsonRecord, text: str, gold: JsonRecord, options: ReadOptions, notes: Notes
) -> Example | None:
    tasks = tasks_in(gold.values, record)
    strings: dict[str, list[str]] = {}
    marks: list[Mark] = []
    for key, value in _entities(gold, tasks).items():
        label = label_text(key, record, notes)
        found = strings.setdefault(label, [])
        for one in present(value if isinstance(value, list) else [value]):
            if isinstance(one, dict) and not is_none(one.get("start", one.get("end"))):
                marks.append(mark_in(record.part({**one, "label": label}), notes))
            else:
                found.append(_string(one, label, record, notes))
    placed = mentions_of(marks, text, record, notes)
    mentions, unlocated = find_gold(
        text, strings, record.where, notes, how=options.occurrences, placed=placed
    )
    named = labels_in(record, notes)
    marked = {one.label for one in mentions}
    gold_by_label = {label: mine or [label] * (label in marked) for label, mine in strings.items()}
    alone = tasks and "entities" not in gold.values and not named
    example = Example(
        id=record.id,
        text=text,
        mentions=mentions,
        unlocated=unlocated,
        labels=tuple(dict.fromkeys([*named, *strings])),
        descriptions=descriptions(gold, notes),
        line=record.line,
        # A record of other tasks alone says nothing of entities, not that it has none.
        annotated=() if alone else named_labels(gold_by_label, named),
        tasks=tasks,
    )
    check_tasks(example, record.where, notes)
    return example


def _entities(gold: JsonRecord, tasks: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the entities by label; an output that is null, empty or of other tasks has none."""
    if not gold.values or (tasks and "entities" not in gold.values):
        return {}
    found: Mapping[str, Any] = field(gold, "entities", dict)
    return found


def _inner(record: JsonRecord) -> Mapping[str, Any]:
    found: Mapping[str, Any] = field(
        record, "output" if _is_modern(record.values) else "schema", dict
    )
    return found


def _is_modern(values: Mapping[str, Any]) -> bool:
    return "input" in values or "schema" not in values


def _string(value: Any, label: str, record: JsonRecord, notes: Notes) -> str:
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        value = value["text"]
    if not isinstance(value, str):
        raise record.error(
            f"an entity of {shown(label)} should be a string, not {kind_of(value)}",
            hint='write {"label": ["string", …]}',
        )
    return gold_string(clean(value, label, record), label, record.where, notes)


def _like_plan(values: Mapping[str, Any]) -> Likeness:
    if "text" not in values or "input" in values or "schema" in values:
        return 0
    entities = values.get("entities", ...)
    if isinstance(entities, dict) and entities:
        return 2
    return (
        1 if is_none(entities) or (entities is ... and any(key in values for key in TASKS)) else 0
    )


def _like_extraction(values: Mapping[str, Any]) -> Likeness:
    if "input" in values or ("text" in values and "schema" in values):
        inner = values.get("output" if _is_modern(values) else "schema")
        return 2 if isinstance(inner, dict) and inner else 1
    return 0


def _inside(values: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = values.get("output" if _is_modern(values) else "schema")
    return inner if isinstance(inner, dict) else {}


PLAN = RecordShape(
    "plan",
    'JSONL {"text", "entities": {label: [string]}, "id"}',
    "'text' and an object of entities",
    _like_plan,
    plan_example,
    frozenset({"id", "text", "entities", "entity_descriptions", "labels"}),
    write_plan,
    keeps=HARD,
)
EXTRACTION = RecordShape(
    "gliner2",
    'JSONL {"input", "output": {"entities": {label: [string]}}}',
    "'input' and 'output'",
    _like_extraction,
    extraction_example,
    frozenset(
        {"id", "input", "text", "output", "schema", "entities", "entity_descriptions", "labels"}
    ),
    write_extraction,
    keeps=HARD,
    inner=_inside,
)
