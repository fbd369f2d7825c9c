"""JSON records and their fields: every value is checked, every failure has its place.

`null`, and an empty list or object where the other may stand, are none in every position.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from typing import Any, Literal

from encswap.data.formats.table import Loss, ReadOptions
from encswap.data.gold import clean_label
from encswap.data.input import Input
from encswap.data.notes import Notes
from encswap.errors import InputError
from encswap.types import Example

_KINDS = {
    str: "a string",
    int: "a whole number",
    dict: "an object",
    list: "a list",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}
_SHOWN = 40
_SPACE = " \t\n\r\ufeff"


@dataclass(frozen=True)
class JsonRecord:
    """One JSON object of a file and where it stands; `around` is what its file says beside it."""

    values: Mapping[str, Any]
    source: Input
    line: int | None
    around: Mapping[str, Any] = member(default_factory=dict)

    @property
    def where(self) -> str:
        """The record's place as `file:line`."""
        return self.source.where(self.line)

    @property
    def id(self) -> str:
        """The record's `id` as text, or one made of the file's name and the line."""
        value = self.values.get("id")
        if value is None:
            return f"{self.source.stem}:{self.line}"
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.error(f"'id' should be a string, not {kind_of(value)}")
        return clean(str(value), "id", self)

    def error(self, message: str, hint: str = "") -> InputError:
        """Build an InputError that stands at this record."""
        return InputError(message, where=self.where, hint=hint)

    def inner(self, key: str) -> JsonRecord:
        """Return the object under `key`, at the same place."""
        return self.part(field(self, key, dict))

    def part(self, values: Mapping[str, Any]) -> JsonRecord:
        """Return an object inside this record, at the same place."""
        return JsonRecord(values, self.source, self.line, self.around)


class JsonFaultError(ValueError):
    """A text is not the JSON that it should be: why, and how many lines further down."""

    def __init__(self, reason: str, lines: int = 0, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.lines = lines
        self.hint = hint or "each record is one JSON object"


class _RepeatedKeyError(ValueError):
    """A key stands twice in one JSON object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def decode(text: str) -> Any:
    """Decode a text that is one JSON value; a key that stands twice, at any depth, is refused."""
    value, end = decode_at(text, len(text) - len(text.lstrip(_SPACE)))
    if text[end:].strip(_SPACE):
        raise JsonFaultError("not JSON (something follows the record)")
    return value


def decode_at(text: str, at: int) -> tuple[Any, int]:
    """Decode the value that begins at a place of `text`; return it, and where it ends."""
    try:
        return _DECODER.raw_decode(text, at)
    except _RepeatedKeyError as error:
        raise JsonFaultError(
            f"the key {shown(str(error))} stands twice in one object",
            hint="join the two, or remove one: JSON readers keep only the last",
        ) from error
    except json.JSONDecodeError as error:
        raise JsonFaultError(f"not JSON ({error.msg})", text.count("\n", at, error.pos)) from error
    except (ValueError, RecursionError) as error:
        raise JsonFaultError(f"not JSON ({error})") from error


def json_line(values: Mapping[str, Any]) -> str:
    """Write one record as a line."""
    return json.dumps(values, ensure_ascii=False) + "\n"


def is_none(value: Any) -> bool:
    """Whether a value says that there is nothing: null, or an empty list or object."""
    return value is None or (isinstance(value, list | dict) and not value)


def present(values: Iterable[Any]) -> Iterator[Any]:
    """Yield the elements that are something: neither null nor an empty list."""
    return (value for value in values if value is not None and value != [])


def field(record: JsonRecord, key: str, kind: type, default: Any = ...) -> Any:
    """Return the value of `key`, which must be of `kind`; without a default it must be there.

    Where a list or an object may stand, null and the other one empty mean an empty one.
    """
    if key not in record.values:
        if default is ...:
            raise record.error(f"lacks {key!r}", hint=f"it holds {keys_of(record.values)}")
        return default
    value = record.values[key]
    if kind in (dict, list) and is_none(value):
        return kind()
    if value is None and default is not ...:
        return default
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)  # tables that hold a gap anywhere write whole numbers as 3.0
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise record.error(f"{key!r} should be {_KINDS[kind]}, not {kind_of(value)}")
    return clean(value, key, record) if isinstance(value, str) else value


def objects(record: JsonRecord, key: str, what: str, default: Any = ...) -> Iterator[JsonRecord]:
    """Yield the objects of a list; a single object stands for a list of one."""
    value = record.values.get(key)
    listed = [value] if isinstance(value, dict) and value else field(record, key, list, default)
    for one in present(listed):
        if not isinstance(one, dict):
            raise record.error(f"{what} should be an object, not {kind_of(one)}")
        yield record.part(one)


def label_text(value: Any, record: JsonRecord, notes: Notes) -> str:
    """Return a label as readers keep it; a whole number is a label too, as its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise record.error(f"a label should be a string, not {kind_of(value)}")
    return clean_label(clean(value, "label", record), record.where, notes)


def labels_in(record: JsonRecord, notes: Notes, key: str = "labels") -> tuple[str, ...]:
    """Return the label set that a record names, each label once."""
    found = (label_text(one, record, notes) for one in present(field(record, key, list, [])))
    return tuple(dict.fromkeys(found))


def clean(value: str, key: str, record: JsonRecord) -> str:
    """Return `value`; refuse a lone surrogate, which no tokenizer and no file can hold."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise record.error(
            f"{key!r} holds a lone surrogate at character {error.start}",
            hint="write characters outside the basic plane as a pair, or as themselves",
        ) from error
    return value


def descriptions(record: JsonRecord, notes: Notes) -> dict[str, str]:
    """Return the labels' descriptions under `entity_descriptions`; empty where there are none."""
    found: dict[str, str] = {}
    for label, description in field(record, "entity_descriptions", dict, {}).items():
        if description is None:
            continue
        if not isinstance(description, str):
            raise record.error(
                f"the description of {shown(label)} should be a string, not {kind_of(description)}"
            )
        name = label_text(label, record, notes)
        found[name] = clean(description, "entity_descriptions", record)
    return found


def kind_of(value: Any) -> str:
    """Name the JSON kind of a value, with its article."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity"
    return _KINDS.get(type(value), type(value).__name__)


def shown(value: str) -> str:
    """Quote a value for a message: short, and without a lone surrogate."""
    printable = value.encode("utf-8", "backslashreplace").decode()
    return repr(printable if len(printable) <= _SHOWN else f"{printable[:_SHOWN]}…")


def keys_of(values: Mapping[str, Any]) -> str:
    """Name the keys of a record, the first ones."""
    return ", ".join(shown(key) for key in list(values)[:8]) or "nothing"


Likeness = Literal[0, 1, 2]
"""How a record looks: 0 unlike the format, 1 like it without any gold, 2 of this format."""
TASKS = ("classifications", "relations", "json_structures")
"""What gliner2 trains on beside entities; an example keeps it as it is written."""
TASK_DETAILS = ("json_descriptions", "record_metadata", "relation_descriptions")
OTHER_GOLD = frozenset({"cats", "events", "links", "coref", "triples", "attributes", "equivs"})
"""What other tools call gold that is no entity: counted, and not kept."""
LOST = ("other-tasks", "unread-keys", "unread-values", "other-tags")
"""The kinds of notes that tell of content which no example holds."""
ABOUT = frozenset({"id", "meta", "metadata", "source", "title", "url", "date", "author"}) | {
    *("lang", "language", "langs", "split", "version", "domain", "info", "comments", "Comments"),
    *("created_at", "updated_at", "user", "example_id", "document_id", "doc_id", "guid", "name"),
}
"""Keys that tell about a document and change no meaning."""


@dataclass(frozen=True)
class RecordShape:
    """A JSON format.

    `like` judges one record, `example` makes an example of it, or None where the record says
    itself that it is no gold. `reads` are the keys that are read, or of no use to anyone; None
    where `example` counts the others itself. `inner` is the part of a record that holds its gold;
    `lists` says that a list stands under `entities`.
    """

    name: str
    description: str
    evidence: str
    like: Callable[[Mapping[str, Any]], Likeness]
    example: Callable[[JsonRecord, ReadOptions, Notes], Example | None]
    reads: frozenset[str] | None
    write: Callable[[Example], str] | None = None
    drops: tuple[Loss, ...] = ()
    keeps: tuple[Loss, ...] = ()
    lists: bool = False
    inner: Callable[[Mapping[str, Any]], Mapping[str, Any]] = member(default=lambda values: values)


def shape_of(
    records: Sequence[Mapping[str, Any]], shapes: Sequence[RecordShape]
) -> RecordShape | None:
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
    # A file without any gold is of each: an empty list is where lists are wanted.
    empty = any(values.get("entities") == [] for values in records)
    fitting = [shape for shape in shapes if shape.name in sure]
    found = max(fitting, key=lambda one: (sure[one.name], empty and one.lists))
    return None if departs and not sure[found.name] else found


def examples_of(
    records: Iterator[JsonRecord],
    shape: RecordShape,
    shapes: Sequence[RecordShape],
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


def _refuse_other(record: JsonRecord, shape: RecordShape, shapes: Sequence[RecordShape]) -> None:
    """Refuse a record that is plainly of another format than its file."""
    other = next((one for one in shapes if one.like(record.values) == 2), None)
    if other is not None:
        raise record.error(
            f"the record is of the format {other.name!r}, the file is read as {shape.name!r}",
            hint=f"keep the two in files of their own; this one holds {keys_of(record.values)}",
        )


def _note_unread(record: JsonRecord, shape: RecordShape, notes: Notes) -> None:
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


def note_key(key: str, record: JsonRecord, notes: Notes) -> None:
    """Count a key that is not read, by what it is."""
    if key in OTHER_GOLD or key in TASKS:
        what = f"records hold {key}, which is not read"
        notes.add("other-tasks", what, record.where)
    elif key in ABOUT:
        notes.add("about", f"records hold {shown(key)}, which is not read", record.where)
    else:
        notes.add(
            "unread-keys", f"records hold the key {shown(key)}, which is not read", record.where
        )


def tasks_in(values: Mapping[str, Any], record: JsonRecord) -> dict[str, Any]:
    """Return the tasks beside entities, as they are written.

    An empty list says that the task was annotated and holds nothing, null says nothing.
    """
    found = {key: values[key] for key in TASKS if values.get(key) is not None}
    for key, value in found.items():
        if not isinstance(value, list | dict):
            raise record.error(f"{key!r} should be a list, not {kind_of(value)}")
    if any(found.values()):
        found |= {key: values[key] for key in TASK_DETAILS if not is_none(values.get(key))}
    return found
