"""Prodigy's records: spans by characters, tokens with their spaces, and an answer for each.

`reject` and `ignore` are no gold: a record or a span that has one is left out and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from encswap.data.formats.fields import JsonRecord, Likeness, RecordShape, field, objects
from encswap.data.formats.offsets import (
    ANSWERED,
    Mark,
    is_accepted,
    mark_in,
    mentions_of,
    spans_alike,
)
from encswap.data.formats.table import ReadOptions
from encswap.data.formats.tokens import joined
from encswap.data.notes import Notes
from encswap.types import Example


def prodigy_example(record: JsonRecord, _options: ReadOptions, notes: Notes) -> Example | None:
    """Read `{"text", "spans", "tokens", "answer"}`; a span may count tokens, its end included."""
    tokens = list(objects(record, "tokens", "a token", []))
    text, places = _text(record, tokens)
    if not is_accepted(record, notes, "records"):
        return None
    marks = [
        _mark(span, places, notes)
        for span in objects(record, "spans", "a span", [])
        if is_accepted(span, notes, "spans")
    ]
    mentions = mentions_of(marks, text, record, notes)
    return Example(record.id, text, mentions, line=record.line)


def _text(record: JsonRecord, tokens: list[JsonRecord]) -> tuple[str, list[tuple[int, int]]]:
    """Return the text and where its tokens stand in it; tokens alone are joined."""
    if "text" in record.values or not tokens:
        text: str = field(record, "text", str)
        spans = [(field(one, "start", int, -1), field(one, "end", int, -1)) for one in tokens]
        return text, spans
    words = [field(one, "text", str) for one in tokens]
    after = [" " * field(one, "ws", bool, True) for one in tokens]
    return joined(words, after)


def _mark(span: JsonRecord, places: list[tuple[int, int]], notes: Notes) -> Mark:
    if "start" in span.values or "token_start" not in span.values:
        return mark_in(span, notes)
    first, last = field(span, "token_start", int), field(span, "token_end", int)
    if not 0 <= first <= last < len(places):
        raise span.error(f"a span of tokens {first} to {last} is not among {len(places)} tokens")
    values = {**span.values, "start": places[first][0], "end": places[last][1]}
    return mark_in(span.part(values), notes)


def _like(values: Mapping[str, Any]) -> Likeness:
    tokens = values.get("tokens")
    counted = isinstance(tokens, list) and bool(tokens) and isinstance(tokens[0], dict)
    if not isinstance(values.get("text"), str) and not counted:
        return 0
    if any(key in values for key in ("entities", "ents")):
        return 0
    if "spans" in values and not spans_alike({**values, "text": ""}):
        return 0
    own = counted or any(key in values for key in ("answer", "_task_hash", "_input_hash"))
    if "spans" not in values:
        return 2 if own and "label" not in values and "labels" not in values else 0
    return 2 if own else 1


PRODIGY = RecordShape(
    "prodigy",
    'Prodigy: JSONL {"text", "spans": [{"start", "end", "label"}], "answer"}',
    "'spans' and 'answer'",
    _like,
    prodigy_example,
    frozenset({"id", "text", "spans", "tokens"}) | ANSWERED,
)
