"""Where gold strings stand in their text: every occurrence, in characters of the original.

Compared in NFC. A string that stands in the text only with other white space is repaired; one
that does not stand there at all is kept as unlocated, to be counted as a miss.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from encswap.data.canonical import Canonical, canonical
from encswap.domain import Mention, Unlocated


@dataclass(frozen=True)
class Repair:
    """A gold string that differs from the text by white space, and what stands in the text."""

    label: str
    gold: str
    found: str


@dataclass(frozen=True)
class Located:
    """The gold of one text: where it stands, what was repaired, what is not there."""

    mentions: tuple[Mention, ...] = ()
    unlocated: tuple[Unlocated, ...] = ()
    repairs: tuple[Repair, ...] = ()


def locate(text: str, gold: Mapping[str, Iterable[str]]) -> Located:
    """Find every occurrence of each label's strings in `text`; strings may nest in one another.

    An occurrence that continues into a longer word or number (`CA` in `CAT`) counts only where
    the string stands nowhere on its own; scripts without letter case are not judged so.
    """
    composed, squeezed = canonical(text), None
    mentions: set[Mention] = set()
    unlocated: list[Unlocated] = []
    repairs: list[Repair] = []
    for label, strings in gold.items():
        for string in dict.fromkeys(strings):
            spans = _occurrences(composed, string)
            if not spans:
                squeezed = squeezed or _Squeezed.of(composed)
                spans = squeezed.occurrences(string)
                repairs += [Repair(label, string, text[slice(*span)]) for span in spans[:1]]
            if not spans:
                unlocated.append(Unlocated(label, string))
            mentions.update(Mention(start, end, label, text[start:end]) for start, end in spans)
    return Located(tuple(sorted(mentions)), tuple(unlocated), tuple(repairs))


def same_text(one: str, other: str) -> bool:
    """Whether two strings are canonically the same."""
    return one == other or canonical(one).text == canonical(other).text


def _occurrences(composed: Canonical, string: str) -> list[tuple[int, int]]:
    wanted = canonical(string.strip()).text
    found = list(_find(composed.text, wanted))
    alone = [start for start in found if _stands_alone(composed.text, start, start + len(wanted))]
    spans = (composed.span(start, start + len(wanted)) for start in alone or found)
    return [span for span in spans if span is not None]


def _find(text: str, wanted: str) -> Iterator[int]:
    if not wanted:
        return
    start = text.find(wanted)
    while start >= 0:
        yield start
        start = text.find(wanted, start + 1)


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = start > 0 and _continues(text[start - 1], text[start])
    after = end < len(text) and _continues(text[end - 1], text[end])
    return not (before or after)


def _continues(one: str, other: str) -> bool:
    """Whether two neighbours are both digits, or both letters of a script with case."""
    return (one.isdecimal() and other.isdecimal()) or (_is_cased(one) and _is_cased(other))


def _is_cased(char: str) -> bool:
    return char.islower() or char.isupper()


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

    def occurrences(self, string: str) -> list[tuple[int, int]]:
        """Find `string` without regard to white space; spans are of the original text."""
        wanted = "".join(canonical(string).text.split())
        ends = [(at, at + len(wanted) - 1) for at in _find(self.text, wanted)]
        found = [(self.places[first], self.places[last] + 1) for first, last in ends]
        alone = [span for span in found if _stands_alone(self.composed.text, *span)]
        spans = (self.composed.span(*span) for span in alone or found)
        return [span for span in spans if span is not None]
