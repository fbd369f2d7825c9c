"""Where gold strings stand in their text, in characters of the original.

Compared in NFC. A string that stands in the text only with other white space is repaired; one
that does not stand there at all is kept as unlocated, to be counted as a miss. Which of several
occurrences are meant, `occurrences` decides; those passed over are listed.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from encswap.errors import UnknownNameError
from encswap.types import Mention, Unlocated

INSIDE = -1
"""A place in the composed text that is no boundary between characters of the original."""


@dataclass(frozen=True)
class Canonical:
    """A text in NFC; `origins[i]` is the offset of its boundary `i` in the original, or INSIDE.

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


ENDINGS = Path(__file__).with_name("endings.yaml")


@cache
def endings() -> frozenset[str]:
    """The strings of `endings.yaml`, of all scripts."""
    import yaml

    by_script = yaml.safe_load(ENDINGS.read_text(encoding="utf-8"))
    return frozenset(str(one) for found in by_script.values() for one in found)


def is_ending(text: str) -> bool:
    """Whether the characters are nothing but particles, one or several in a row."""
    reached = {0}
    for end in range(1, len(text) + 1):
        if any(text[start:end] in endings() for start in reached):
            reached.add(end)
    return bool(text) and len(text) in reached


Occurrences = Literal["all", "standalone", "first"]
"""`all` marks every occurrence, `standalone` those that stand best, `first` the first of these."""
OCCURRENCES: tuple[Occurrences, ...] = get_args(Occurrences)
Span = tuple[int, int]


# Weighed on KLUE-NER (benchmarks/bench_occurrences.py): Korean compounds grow to the left of
# their head and particles to its right, so a neighbour on the left says more.
INSIDE_GOLD, JOINED_LEFT, JOINED_RIGHT = 3, 2, 1


def known_occurrences(name: str) -> Occurrences:
    """Return the setting called `name`."""
    if name not in OCCURRENCES:
        raise UnknownNameError("setting of occurrences", name, list(OCCURRENCES))
    return name


def choose(
    text: str, spans: Sequence[Span], nested: Sequence[bool], how: Occurrences = "standalone"
) -> list[int]:
    """Return the places in `spans` of a string's occurrences that its gold means, in order.

    An occurrence is faulted where it lies inside a longer gold string (`nested` says so of each)
    and where a word goes on beyond its ends; those with the fewest faults are taken, so that one
    is always left.
    """
    if how == "all" or not spans:
        return list(range(len(spans)))
    faults = [_faults(text, *one) for one in zip(spans, nested, strict=True)]
    best = min(faults)
    chosen = [place for place, found in enumerate(faults) if found == best]
    return chosen[:1] if how == "first" else chosen


class Longer:
    """The spans of all gold of a text, to find the longer one that a span lies in."""

    def __init__(self, spans: Iterable[Span]) -> None:
        ordered = sorted(set(spans), key=lambda span: (span[0], -span[1]))
        self._starts = [start for start, _ in ordered]
        self._reaching: list[Span] = []
        for span in ordered:
            last = self._reaching[-1] if self._reaching else span
            self._reaching.append(span if span[1] > last[1] else last)

    def around(self, span: Span) -> Span | None:
        """Return the gold that `span` lies inside of, None where there is none."""
        place = bisect_right(self._starts, span[0]) - 1
        while place >= 0 and self._reaching[place][1] >= span[1]:
            found = self._reaching[place]
            if found != span:
                return found
            place -= 1
        return None


def word_around(text: str, span: Span) -> Span:
    """Return the span with the letters that go on beyond its ends."""
    start, end = span
    while start > 0 and _continues(text[start - 1], text[start]):
        start -= 1
    while end < len(text) and _continues(text[end - 1], text[end]):
        end += 1
    return start, end


def _faults(text: str, span: Span, nested: bool) -> int:
    return (
        INSIDE_GOLD * nested
        + JOINED_LEFT * _joined_left(text, span[0])
        + JOINED_RIGHT * _joined_right(text, span[1])
    )


def _joined_left(text: str, start: int) -> bool:
    return start > 0 and _continues(text[start - 1], text[start])


def _joined_right(text: str, end: int) -> bool:
    if end >= len(text) or not _continues(text[end - 1], text[end]):
        return False
    if not _is_hangul(text[end]):
        return True
    stop = end
    while stop < len(text) and _is_hangul(text[stop]):
        stop += 1
    return not is_ending(text[end:stop])


def _continues(one: str, other: str) -> bool:
    """Whether two neighbours belong to one word: digits, cased letters, or Hangul, both of a kind.

    Scripts that put no space between words (Han, kana, Thai) are not judged: every neighbour looks
    alike there, and a rule would fault everything.
    """
    return (
        (one.isdecimal() and other.isdecimal())
        or (_is_cased(one) and _is_cased(other))
        or (_is_hangul(one) and _is_hangul(other))
    )


def _is_cased(char: str) -> bool:
    return char.islower() or char.isupper()


def _is_hangul(char: str) -> bool:
    return 0xAC00 <= ord(char) <= 0xD7A3  # the block of composed syllables


@dataclass(frozen=True)
class Repair:
    """A gold string that differs from the text by white space, and what the text has instead."""

    label: str
    gold: str
    found: str


@dataclass(frozen=True)
class PassedOver:
    """An occurrence of a gold string that marks nothing, and what it lies inside of.

    `gold` tells whether that is a longer gold string; else it is a word of the text.
    """

    label: str
    text: str
    start: int
    end: int
    inside: str
    gold: bool


@dataclass(frozen=True)
class Located:
    """The gold of one text: where it occurs, what was repaired or passed over, what is missing."""

    mentions: tuple[Mention, ...] = ()
    unlocated: tuple[Unlocated, ...] = ()
    repairs: tuple[Repair, ...] = ()
    passed: tuple[PassedOver, ...] = ()


@dataclass(frozen=True)
class _Found:
    """An occurrence: its span in the composed text, and in the original."""

    composed: tuple[int, int]
    span: tuple[int, int]


def locate(
    text: str,
    gold: Mapping[str, Iterable[str]],
    how: Occurrences = "standalone",
    placed: Iterable[Mention] = (),
) -> Located:
    """Find each label's strings in `text`: the occurrences that stand best on their own.

    `placed` is gold whose offsets are known; a string inside of it is inside longer gold.
    """
    composed, squeezed = canonical(text), None
    found: dict[tuple[str, str], list[_Found]] = {}
    unlocated: list[Unlocated] = []
    repairs: list[Repair] = []
    for label, strings in gold.items():
        for string in dict.fromkeys(strings):
            hits = list(_occurrences(composed, string))
            if not hits:
                squeezed = squeezed or _Squeezed.of(composed)
                hits = list(squeezed.occurrences(string))
                repairs += [Repair(label, string, text[slice(*one.span)]) for one in hits[:1]]
            if not hits:
                unlocated.append(Unlocated(label, string))
            found[label, string] = hits
    spans = [one.span for hits in found.values() for one in hits]
    longer = Longer([*spans, *((one.start, one.end) for one in placed)])
    mentions: set[Mention] = set()
    passed: list[PassedOver] = []
    for (label, _), hits in found.items():
        nested = [longer.around(one.span) is not None for one in hits]
        chosen = set(choose(composed.text, [one.composed for one in hits], nested, how))
        for place, one in enumerate(hits):
            if place in chosen:
                mentions.add(Mention(*one.span, label, text[slice(*one.span)]))
            else:
                passed.append(_passed(text, composed.text, label, one, longer))
    return Located(tuple(sorted(mentions)), tuple(unlocated), tuple(repairs), tuple(passed))


def _passed(text: str, composed: str, label: str, one: _Found, longer: Longer) -> PassedOver:
    around = longer.around(one.span)
    word = slice(*word_around(composed, one.composed))
    inside = composed[word] if around is None else text[slice(*around)]
    return PassedOver(label, text[slice(*one.span)], *one.span, inside, around is not None)


def same_text(one: str, other: str) -> bool:
    """Whether two strings are canonically the same."""
    return one == other or canonical(one).text == canonical(other).text


def _occurrences(composed: Canonical, string: str) -> Iterator[_Found]:
    wanted = canonical(string.strip()).text
    for start in _find(composed.text, wanted):
        yield from _mapped(composed, start, start + len(wanted))


def _mapped(composed: Canonical, start: int, end: int) -> Iterator[_Found]:
    """Yield the occurrence unless it cuts a character of the original in two."""
    span = composed.span(start, end)
    if span is not None:
        yield _Found((start, end), span)


def _find(text: str, wanted: str) -> Iterator[int]:
    if not wanted:
        return
    start = text.find(wanted)
    while start >= 0:
        yield start
        start = text.find(wanted, start + 1)


@dataclass(frozen=True)
class _Squeezed:
    """A composed text without its white space; `places[i]` is where character `i` stood."""

    text: str
    places: tuple[int, ...]
    composed: Canonical

    @classmethod
    def of(cls, composed: Canonical) -> _Squeezed:
        places = tuple(i for i, char in enumerate(composed.text) if not char.isspace())
        return cls("".join(composed.text[i] for i in places), places, composed)

    def occurrences(self, string: str) -> Iterator[_Found]:
        """Find `string` without regard to white space."""
        wanted = "".join(canonical(string).text.split())
        for at in _find(self.text, wanted):
            yield from _mapped(
                self.composed, self.places[at], self.places[at + len(wanted) - 1] + 1
            )
