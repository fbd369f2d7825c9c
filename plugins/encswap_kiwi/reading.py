"""A text as Kiwi reads it: composed, without lone surrogates, in portions of bounded length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

PORTION = 4_096
"""Kiwi's time grows faster than a text, so it reads at most so many characters at once."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Morpheme(NamedTuple):
    """What Kiwi tells of a stretch of text; `oov` where it is in no dictionary."""

    start: int
    end: int
    form: str
    tag: str
    oov: bool


@dataclass
class Reading:
    """A text on its way through Kiwi: composed, and in portions, for Kiwi's time grows faster."""

    text: str
    composed: str
    origins: Sequence[int]
    starts: list[int]
    morphemes: list[Morpheme] = field(default_factory=list)
    read: int = 0

    @classmethod
    def of(cls, text: str) -> Reading:
        """Prepare a text."""
        composed, origins = _composed(text)
        starts = [0]
        while len(composed) - starts[-1] > PORTION:
            starts.append(_portion_end(composed, starts[-1]))
        return cls(text, composed, origins, starts)

    @property
    def portions(self) -> list[str]:
        """What Kiwi is to read, at least one text."""
        return [self.composed[a:b] for a, b in pairwise([*self.starts, len(self.composed)])]

    @property
    def done(self) -> bool:
        """Whether Kiwi has read every portion."""
        return self.read == len(self.starts)

    def add(self, tokens: Iterable[Any]) -> None:
        """Take Kiwi's tokens of the next portion."""
        at = self.starts[self.read]
        self.read += 1
        self.morphemes += (
            Morpheme(at + one.start, at + one.end, one.form, one.tag, one.oov) for one in tokens
        )


def _portion_end(text: str, start: int) -> int:
    """Cut behind the last line, sentence or word that ends within a portion."""
    for end in ("\n", ". ", " "):
        place = text.rfind(end, start + 1, start + PORTION)
        if place > start:
            return place + len(end)
    return start + PORTION


def _composed(text: str) -> tuple[str, Sequence[int]]:
    """Return `text` in NFC, as Kiwi needs it, and where each of its places stands in `text`.

    A lone surrogate, which Kiwi cannot take, gives way to U+FFFD.
    """
    text = _SURROGATE.sub("\ufffd", text)
    if unicodedata.is_normalized("NFC", text):
        return text, range(len(text) + 1)
    parts: list[str] = []
    origins = [0]
    starts = (place for place in range(1, len(text)) if not _joins(text[place]))
    for start, end in pairwise([0, *starts, len(text)]):
        part = unicodedata.normalize("NFC", text[start:end])
        parts.append(part)
        # What composes is not cut: the places within stand at its end.
        origins += [end] * len(part)
    return "".join(parts), origins


def _joins(char: str) -> bool:
    """Whether `char` may compose with what stands before it, as marks and conjoining jamo do."""
    return unicodedata.category(char)[0] == "M" or "\u1160" <= char <= "\u11ff"
