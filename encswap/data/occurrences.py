"""Which occurrences of a gold string are meant: those that stand on their own in the text.

A string says what was marked and not where. `암` (cancer) also stands in `암로디핀` (a drug), in
`간암` (liver cancer) and in `암시` (a hint). What is decided here is decided from the text and its
gold alone, so that it is the same for every word splitter: runs with different splitters are
scored on the same gold, and no splitter can lose gold by cutting it badly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from encswap.data.particles import is_ending

Occurrences = Literal["all", "standalone", "first"]
"""`all` marks every occurrence, `standalone` those that stand best, `first` the first of these."""

OCCURRENCES: tuple[Occurrences, ...] = get_args(Occurrences)

Span = tuple[int, int]
# Weighed on KLUE-NER (benchmarks/bench_occurrences.py): Korean compounds grow to the left of
# their head and particles to its right, so a neighbour on the left says more.
INSIDE_GOLD, JOINED_LEFT, JOINED_RIGHT = 3, 2, 1


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
    """The places of all gold of a text, to be asked whether a span lies inside a longer one."""

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
