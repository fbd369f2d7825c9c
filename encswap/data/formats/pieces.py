"""Between tokens and a text: by the spaces that a record tells, else with one space between two."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from encswap.data.formats.fields import Record, clean, field, kind_of
from encswap.data.notes import Notes
from encswap.domain import Example

Span = tuple[int, int]

SPACES = ("ws", "space_after", "spaces", "whitespace", "trailing_whitespace")
"""Keys under which a record tells of each token whether white space comes after it."""

TEXTS = ("text", "sentence", "raw_text")
"""Keys under which a record keeps the text that its tokens are of."""

_WORD = re.compile(r"\S+")


def text_of(record: Record, key: str, notes: Notes) -> tuple[str, list[Span]]:
    """Return a record's text, and where its tokens stand in it.

    The record's own text is taken where the tokens stand in it one after the other; else they are
    joined, by the spaces that the record tells, or with one space between two.
    """
    words = words_in(record, key)
    for name in TEXTS:
        own = record.values.get(name)
        if isinstance(own, str) and name != key:
            spans = found_in(own, words)
            if spans is not None:
                return clean(own, name, record), spans
            what = f"records have a {name!r} in which their tokens do not stand: tokens are joined"
            notes.add("text-unlike-tokens", what, record.where)
    return joined(words, _spaces(record, len(words)))


def words_in(record: Record, key: str) -> list[str]:
    """Return the tokens under a key; a string is cut at white space."""
    value = record.values.get(key)
    if isinstance(value, str):
        return clean(value, key, record).split()
    words: list[str] = []
    for one in field(record, key, list):
        word = str(one) if isinstance(one, int) and not isinstance(one, bool) else one
        if not isinstance(word, str):
            raise record.error(f"a token should be a string, not {kind_of(one)}")
        words.append(clean(word, key, record))
    return words


def joined(words: Sequence[str], after: Sequence[str] | None = None) -> tuple[str, list[Span]]:
    """Join words, each with what comes after it; return the text and their places.

    Without that information a space stands between two words, unless some of the words are white
    space themselves: then the file holds the text cut up, and nothing is put between.
    """
    if after is None:
        cut_up = any(word.isspace() for word in words)
        after = ["" if cut_up else " "] * len(words)
    parts: list[str] = []
    spans: list[Span] = []
    at = 0
    for place, (word, gap) in enumerate(zip(words, after, strict=True)):
        spans.append((at, at + len(word)))
        parts += [word, gap if place + 1 < len(words) else ""]
        at += len(word) + len(parts[-1])
    return "".join(parts), spans


def found_in(text: str, words: Sequence[str]) -> list[Span] | None:
    """Find words in a text one after the other; None where more than white space is between."""
    spans: list[Span] = []
    at = 0
    for word in words:
        start = text.find(word, at)
        if start < 0 or text[at:start].strip():
            return None
        spans.append((start, start + len(word)))
        at = start + len(word)
    return None if text[at:].strip() else spans


def cut(example: Example) -> list[Span]:
    """Cut a text at white space, and where a mention begins or ends."""
    edges = {edge for one in example.mentions for edge in (one.start, one.end)}
    spans: list[Span] = []
    for found in _WORD.finditer(example.text):
        start, end = found.span()
        places = [start, *sorted(edge for edge in edges if start < edge < end), end]
        spans += pairwise(places)
    return spans


def _spaces(record: Record, count: int) -> list[str] | None:
    """Return what comes after each token, None where the record does not tell."""
    key = next((key for key in SPACES if record.values.get(key) is not None), None)
    if key is None:
        return None
    told = field(record, key, list)
    if len(told) != count:
        raise record.error(f"{key!r} has {len(told)} values for {count} tokens")
    if any(
        not isinstance(one, bool | int | str) or (isinstance(one, str) and one.strip())
        for one in told
    ):
        raise record.error(f"{key!r} should tell true or false of each token")
    return [one if isinstance(one, str) else " " * bool(one) for one in told]
