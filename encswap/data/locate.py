"""Where gold strings stand in their text, in characters of the original.

Compared in NFC. A string that stands in the text only with other white space is repaired; one
that does not stand there at all is kept as unlocated, to be counted as a miss. Which of several
occurrences are meant, `occurrences` decides; those passed over are listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from encswap.data.canonical import Canonical, canonical
from encswap.data.occurrences import Longer, Occurrences, choose, word_around
from encswap.domain import Mention, Unlocated


@dataclass(frozen=True)
class Repair:
    """A gold string that differs from the text by white space, and what stands in the text."""

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
    """The gold of one text: where it stands, what was repaired or passed over, what is missing."""

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
