"""What a JSON format is: how a record of it looks, and which example it is.

A file is of the shape that its records show; one whose gold is null shows none, and fits several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from encswap.data.formats.fields import Record, is_none, keys_of, shown
from encswap.data.formats.table import Loss
from encswap.data.notes import Notes
from encswap.data.options import ReadOptions
from encswap.domain import Example

Likeness = Literal[0, 1, 2]
"""How a record looks: 0 unlike the format, 1 like it without any gold, 2 of this format."""

TASKS = ("classifications", "relations", "json_structures")
"""What gliner2 trains on beside entities; an example keeps it as it is written."""

TASK_DETAILS = ("json_descriptions", "record_metadata", "relation_descriptions")
OTHER_GOLD = frozenset({"cats", "events", "links", "coref", "triples", "attributes", "equivs"})
"""What other tools call gold that is no entity: counted, and not kept."""

KEPT_TASKS = "tasks"
LOST = ("other-tasks", "records-without-entities", "unread-keys", "unread-values", "other-tags")
"""The kinds of notes that tell of content which no example holds."""

ABOUT = frozenset({"id", "meta", "metadata", "source", "title", "url", "date", "author"}) | {
    *("lang", "language", "langs", "split", "version", "domain", "info", "comments", "Comments"),
    *("created_at", "updated_at", "user", "example_id", "document_id", "doc_id", "guid", "name"),
}
"""Keys that tell about a document and change no meaning."""


@dataclass(frozen=True)
class Shape:
    """A JSON format.

    `like` judges one record, `example` makes an example of it, or None where the record says
    itself that it is no gold. `reads` are the keys that are read, or of no use to anyone; None
    where `example` counts the others itself. `inner` is the part of a record that holds its gold.
    """

    name: str
    description: str
    evidence: str
    like: Callable[[Mapping[str, Any]], Likeness]
    example: Callable[[Record, ReadOptions, Notes], Example | None]
    reads: frozenset[str] | None
    write: Callable[[Example], str] | None = None
    drops: tuple[Loss, ...] = ()
    keeps: tuple[Loss, ...] = ()
    inner: Callable[[Mapping[str, Any]], Mapping[str, Any]] = field(default=lambda values: values)


def shape_of(records: Sequence[Mapping[str, Any]], shapes: Sequence[Shape]) -> Shape | None:
    """Return the shape that the records show; None where they show none.

    Of those that all records are like, the one that most records are sure of, and the first. A
    record that departs from all is left to the reader of those before it, which knows its line.
    """
    sure = {shape.name: 0 for shape in shapes}
    departs = not records
    for values in records:
        looks = {shape.name: shape.like(values) for shape in shapes}
        left = {name: count + (looks[name] == 2) for name, count in sure.items() if looks[name]}
        if not left:
            departs = True
            break
        sure = left
    fitting = [shape for shape in shapes if shape.name in sure]
    found = max(fitting, key=lambda one: sure[one.name])
    return None if departs and not sure[found.name] else found


def examples_of(
    records: Iterator[Record],
    shape: Shape,
    shapes: Sequence[Shape],
    options: ReadOptions,
    notes: Notes,
) -> Iterator[Example]:
    """Yield the examples of records that should all be of one shape."""
    any_left_out = False
    any_read = False
    where = None
    for record in records:
        where = where or record
        _note_unread(record, shape, notes)
        if not shape.like(record.values):
            _refuse_other(record, shape, shapes)
        example = shape.example(record, options, notes)
        if example is None:
            any_left_out = True
            continue
        any_read = True
        yield example
    if any_left_out and not any_read and where is not None:
        what = "; ".join(str(note) for note in notes)
        raise where.source.error("no record of the file is gold for entities", what)


def _refuse_other(record: Record, shape: Shape, shapes: Sequence[Shape]) -> None:
    """Refuse a record that is plainly of another format than its file."""
    other = next((one for one in shapes if one.like(record.values) == 2), None)
    if other is not None:
        raise record.error(
            f"the record is of the format {other.name!r}, the file is read as {shape.name!r}",
            hint=f"keep the two in files of their own; this one holds {keys_of(record.values)}",
        )


def _note_unread(record: Record, shape: Shape, notes: Notes) -> None:
    """Count the keys that say something and are not read."""
    if shape.reads is None:
        return
    for values in {id(one): one for one in (record.values, shape.inner(record.values))}.values():
        for key, value in values.items():
            if key in shape.reads or is_none(value) or value == "":
                continue
            if key in TASKS or key in TASK_DETAILS:
                continue
            note_key(key, record, notes)


def note_key(key: str, record: Record, notes: Notes) -> None:
    """Count a key that is not read, by what it is."""
    if key in OTHER_GOLD or key in TASKS:
        what = f"records hold {key}, which encswap does not train"
        notes.add("other-tasks", what, record.where)
    elif key in ABOUT:
        notes.add("about", f"records hold {shown(key)}, which is not read", record.where)
    else:
        notes.add(
            "unread-keys", f"records hold the key {shown(key)}, which is not read", record.where
        )


def tasks_in(values: Mapping[str, Any], record: Record, notes: Notes) -> dict[str, Any]:
    """Return the tasks beside entities, as they are written, and count them by name."""
    found = {key: values[key] for key in TASKS if not is_none(values.get(key))}
    for key in found:
        what = f"records hold {key}, which encswap does not train"
        notes.add(KEPT_TASKS, what, record.where)
    if found:
        found |= {key: values[key] for key in TASK_DETAILS if not is_none(values.get(key))}
    return found


def note_no_entities(record: Record, notes: Notes) -> None:
    """Count a record that holds other tasks alone."""
    what = "records hold other tasks and no entities, which encswap trains alone: left out"
    notes.add("records-without-entities", what, record.where)
