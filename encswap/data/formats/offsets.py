"""Gold given by offsets: `{"id", "text", "spans": [{"start", "end", "label"}]}`.

Offsets count characters from 0, the end is exclusive. Where spans say what they cover and that
does not stand there, but does when offsets are counted in another way, they are read in that way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
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
    label_text,
    labels_in,
    objects,
    shown,
    tasks_in,
)
from encswap.data.formats.table import HARD, ReadOptions
from encswap.data.gold import RawSpan, gold_string, label_set, mentions_at, named_labels
from encswap.data.locate import same_text
from encswap.data.notes import Notes
from encswap.data.tasks import check_tasks
from encswap.types import Example, Gold, Mention, Unlocated

KEYS = ("spans", "mentions", "entities", "ents")
ANSWERED = frozenset({"answer", "_input_hash", "_task_hash", "_view_id", "_session_id"}) | {
    "_annotator_id",
    "_timestamp",
    "_is_binary",
    "config",
}
"""What Prodigy keeps of a record's way through it, and its answer."""
_MOST = 10**12


@dataclass(frozen=True)
class Mark:
    """A span as a file gives it; `given` is the text that it says to cover."""

    start: int
    end: int
    label: str
    given: str | None = None


Count = Callable[[int, int], tuple[int, int] | None]
"""From a span in some unit to one in characters, None where there is none."""


def spans_example(record: JsonRecord, _options: ReadOptions, notes: Notes) -> Example | None:
    """Read spans in characters of the text, end exclusive; `text` in a span is checked.

    An `answer` of Prodigy is honoured, for the record and for each span.
    """
    text = field(record, "text", str)
    spans = list(objects(record, _key(record.values), "a span", []))
    tasks = tasks_in(record.values, record)
    named = any(key in record.values for key in KEYS)
    if not named and not tasks:
        field(record, KEYS[0], list)
    if not is_accepted(record, notes, "records"):
        return None
    marks = [mark_in(one, notes) for one in spans if is_accepted(one, notes, "spans")]
    mentions = mentions_of(marks, text, record, notes)
    unlocated = tuple(_unlocated(record, notes))
    labels = labels_in(record, notes)
    gold: tuple[Gold, ...] = (*mentions, *unlocated)
    example = Example(
        id=record.id,
        text=text,
        mentions=mentions,
        unlocated=unlocated,
        labels=labels,
        descriptions=descriptions(record, notes),
        line=record.line,
        # A record of other tasks alone says nothing of entities, not that it has none.
        annotated=named_labels({one.label: [one] for one in gold}, labels)
        if named or gold or labels
        else (),
        tasks=tasks,
    )
    check_tasks(example, record.where, notes)
    return example


def is_accepted(record: JsonRecord, notes: Notes, what: str) -> bool:
    """Whether a record or a span is gold by its `answer`; count it where it is not."""
    answer = field(record, "answer", str, None)
    if answer is None or answer == "accept":
        return True
    if answer not in ("reject", "ignore"):
        raise record.error(
            f"'answer' is {shown(answer)}", hint="known: 'accept', 'reject' and 'ignore'"
        )
    notes.add(
        f"{answer}ed-{what}" if answer == "reject" else f"ignored-{what}",
        f"{what} have the answer {answer!r}: they are no gold and were left out",
        record.where,
    )
    return False


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
    if example.tasks and example.annotated == ():
        del values["spans"]
    if example.unlocated:
        missing = [{"label": gold.label, "text": gold.text} for gold in example.unlocated]
        values["unlocated"] = missing
    if (named := label_set(example)) is not None:
        values["labels"] = list(named)
    if example.descriptions:
        values["entity_descriptions"] = dict(example.descriptions)
    return json_line({**values, **example.tasks})


def mark_in(span: JsonRecord, notes: Notes, start: str = "start", end: str = "end") -> Mark:
    """Return the span that an object describes."""
    first, last = field(span, start, int), field(span, end, int)
    if "label" not in span.values:
        raise span.error("a span lacks 'label'", hint="name the label of every span")
    label = label_text(span.values["label"], span, notes)
    return Mark(first, last, label, field(span, "text", str, None))


def mentions_of(
    marks: Sequence[Mark], text: str, record: JsonRecord, notes: Notes
) -> tuple[Mention, ...]:
    """Turn the spans of a record into mentions; raises InputError where one does not hold."""
    count = _count_of(marks, text, record, notes)
    spans = []
    for one in marks:
        span = count(one.start, one.end)
        fault = _fault(one, span, text)
        if span is None or fault is not None:
            raise record.error(*(fault or ("", "")))
        spans.append(RawSpan(*span, one.label, record.where))
    return mentions_at(text, spans, notes)


def _count_of(marks: Sequence[Mark], text: str, record: JsonRecord, notes: Notes) -> Count:
    """Return how offsets are counted: in characters, unless what spans cover says otherwise."""
    characters: Count = lambda start, end: _inside(start, end, text)  # noqa: E731
    if all(_fault(one, characters(one.start, one.end), text) is None for one in marks):
        return characters
    if any(one.given is not None for one in marks):
        for name, count in _other_counts(text):
            if all(_fault(one, count(one.start, one.end), text) is None for one in marks):
                what = f"records count the offsets of their spans in {name}: read so"
                notes.add("offsets-counted-otherwise", what, record.where)
                return count
    return characters


def _other_counts(text: str) -> Iterator[tuple[str, Count]]:
    yield "characters with the end included", lambda start, end: _inside(start, end + 1, text)
    if not text.isascii():
        yield "UTF-16 units", _by_size(text, lambda char: 1 + (char > "\uffff"))
        yield "UTF-8 bytes", _by_size(text, lambda char: len(char.encode()))
    yield (
        "characters from 1 with the end included",
        lambda start, end: _inside(start - 1, end, text),
    )
    yield "characters from 1", lambda start, end: _inside(start - 1, end - 1, text)
    yield "words", _by_words(text, 0)
    yield "words with the end included", _by_words(text, 1)


def _inside(start: int, end: int, text: str) -> tuple[int, int] | None:
    return (start, end) if 0 <= start < end <= len(text) else None


def _by_size(text: str, size: Callable[[str], int]) -> Count:
    edges = accumulate((size(char) for char in text), initial=0)
    places = {edge: place for place, edge in enumerate(edges)}

    def count(start: int, end: int) -> tuple[int, int] | None:
        if start not in places or end not in places:
            return None
        return _inside(places[start], places[end], text)

    return count


def _by_words(text: str, more: int) -> Count:
    words = [found.span() for found in re.finditer(r"\S+", text)]

    def count(start: int, end: int) -> tuple[int, int] | None:
        if not 0 <= start < end + more <= len(words):
            return None
        return words[start][0], words[end + more - 1][1]

    return count


def _fault(mark: Mark, span: tuple[int, int] | None, text: str) -> tuple[str, str] | None:
    """Return what is wrong with a span, and what would be right; None where it holds."""
    name = f"{shown(mark.label)} span [{_number(mark.start)}, {_number(mark.end)})"
    if span is None:
        hint = "offsets count characters from 0, the end is exclusive and after the start"
        if len(text) < mark.end <= len(text.encode()):
            hint += f"; the text has {len(text.encode())} bytes: these may count bytes"
        return f"a {name} is not inside the text of {len(text)} characters", hint
    covered = text[slice(*span)]
    if mark.given is None or same_text(mark.given.strip(), covered.strip()):
        return None
    return (
        f"the {name} covers {shown(covered)}, not {shown(mark.given)}",
        "offsets count characters of the text as it is written, not bytes or tokens",
    )


def _number(value: int) -> str:
    return str(value) if abs(value) < _MOST else "a huge number"


def _key(values: Mapping[str, Any]) -> str:
    """Return the key that holds the spans: the first one with some, else the first one there."""
    there = [key for key in KEYS if key in values]
    full = [key for key in there if not is_none(values[key])]
    return next(iter(full + there), KEYS[0])


def _unlocated(record: JsonRecord, notes: Notes) -> Iterator[Unlocated]:
    for gold in objects(record, "unlocated", "gold that is not in the text", []):
        label = label_text(gold.values.get("label"), gold, notes)
        given = clean(field(gold, "text", str), "text", gold)
        yield Unlocated(label, gold_string(given, label, gold.where, notes))


def spans_alike(values: Mapping[str, Any]) -> Likeness:
    """Judge whether a record holds a text and a list of spans."""
    if not isinstance(values.get("text"), str):
        return 0
    there = [values[key] for key in KEYS if key in values]
    full = [one for one in there if not is_none(one)]
    if not full:
        return 1 if there else 0
    return 2 if isinstance(full[0], list) and _is_span(full[0]) else 0


def _is_span(listed: list[Any]) -> bool:
    first = next((one for one in listed if not is_none(one)), None)
    foreign = isinstance(first, dict) and ("start_offset" in first or "labels" in first)
    return not isinstance(first, list | str) and not foreign


def _like(values: Mapping[str, Any]) -> Likeness:
    if isinstance(values.get("text"), str) and not any(key in values for key in KEYS):
        return 1 if any(key in values for key in TASKS) else 0
    found = spans_alike(values)
    return 1 if found == 2 and ("answer" in values or "_task_hash" in values) else found


SPANS = RecordShape(
    "spans",
    'JSONL {"id", "text", "spans": [{"start", "end", "label"}]}',
    "'text' and a list of spans",
    _like,
    spans_example,
    frozenset(
        {"id", "text", *KEYS, "labels", "unlocated", "entity_descriptions", "tokens", "sents"}
    )
    | ANSWERED,
    write_spans,
    keeps=HARD,
)
