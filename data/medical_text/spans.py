"""Documents with their intended spans, and the proof that the strings mark nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from .model import LABELS, Frame, Language

Span = tuple[int, int, str]
LATIN = re.compile("[A-Za-z]")


@dataclass(frozen=True)
class Sentence:
    """A rendered frame with its spans, in characters of the sentence."""

    text: str
    spans: tuple[Span, ...]
    frame: Frame


@dataclass(frozen=True)
class Document:
    """Sentences joined by spaces, with spans in characters of the document."""

    id: str
    text: str
    spans: tuple[Span, ...]
    frames: tuple[Frame, ...]

    def strings(self, label: str) -> list[str]:
        """The distinct mention strings of one label, in order of appearance."""
        found = (self.text[start:end] for start, end, name in self.spans if name == label)
        return list(dict.fromkeys(found))


def join(identifier: str, sentences: list[Sentence]) -> Document:
    """Join sentences into a document."""
    spans: list[Span] = []
    offset = 0
    for sentence in sentences:
        spans += [(start + offset, end + offset, name) for start, end, name in sentence.spans]
        offset += len(sentence.text) + 1
    text = " ".join(sentence.text for sentence in sentences)
    return Document(identifier, text, tuple(spans), tuple(s.frame for s in sentences))


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """Match a name as written anywhere, in another letter case as a word of its own."""
    exact = re.escape(name)
    word = rf"(?<![A-Za-z0-9])(?i:{exact})(?![A-Za-z0-9])"
    return re.compile(f"(?={exact}|{word})" if LATIN.search(name) else f"(?={exact})")


def occurrences(text: str, name: str) -> set[int]:
    """Where ``name`` begins; the look-ahead keeps overlapping occurrences apart."""
    return {match.start() for match in _pattern(name).finditer(text)}


def is_sound(document: Document) -> bool:
    """Tell whether the listed strings mark exactly the intended spans."""
    marked = {
        (at, at + len(name), label)
        for label in LABELS
        for name in document.strings(label)
        for at in occurrences(document.text, name)
    }
    return marked == set(document.spans) and not _overlapping(document.spans)


def _overlapping(spans: tuple[Span, ...]) -> bool:
    """Tell whether two spans share a character."""
    ordered = sorted(spans)
    return any(left[1] > right[0] for left, right in pairwise(ordered))


def as_record(document: Document, language: Language) -> dict[str, Any]:
    """Return the document in the form that is written."""
    return {
        "id": document.id,
        "text": document.text,
        "entities": {label: document.strings(label) for label in LABELS},
        "entity_descriptions": dict(language.descriptions),
    }
