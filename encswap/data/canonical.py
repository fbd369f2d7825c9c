"""Canonical composition (NFC) with a way back to the characters of the original text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

INSIDE = -1
"""A place in the composed text that is no boundary between characters of the original."""


@dataclass(frozen=True)
class Canonical:
    """A text in NFC; `origins[i]` is where its boundary `i` stands in the original, or INSIDE.

    `origins` is None where the text was NFC already, so that every place is its own origin.
    """

    text: str
    origins: tuple[int, ...] | None = None

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the original's span of `[start, end)`, None where it cuts a character in two."""
        if self.origins is None:
            return start, end
        first, last = self.origins[start], self.origins[end]
        return None if INSIDE in (first, last) else (first, last)


def canonical(text: str) -> Canonical:
    """Compose `text` and remember where each boundary came from."""
    if unicodedata.is_normalized("NFC", text):
        return Canonical(text)
    parts: list[str] = []
    origins: list[int] = [0]
    for start, end in _clusters(text):
        part = unicodedata.normalize("NFC", text[start:end])
        parts.append(part)
        same = part == text[start:end]
        origins += [start + i if same else INSIDE for i in range(1, len(part))]
        origins.append(end)
    return Canonical("".join(parts), tuple(origins))


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Cut `text` where composing never reaches across."""
    start = 0
    for place in range(1, len(text)):
        if not _may_join(text[place]):
            yield start, place
            start = place
    if text:
        yield start, len(text)


def _may_join(char: str) -> bool:
    """Whether `char` may compose with what stands before it: marks and conjoining jamo."""
    return (
        unicodedata.combining(char) != 0
        or unicodedata.category(char).startswith("M")
        or "\u1160" <= char <= "\u11ff"
    )
