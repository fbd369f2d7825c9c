"""Gold that units cannot express, in context, the worst examples first."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import count

from encswap.data.units import Unit, align
from encswap.domain import Example, Mention, Unlocated

AROUND = 16
FAR = 5_000


@dataclass(frozen=True)
class Missed:
    """A gold mention that is lost, where it stands, and the units or the text it met."""

    line: int | None
    id: str
    label: str
    text: str
    context: str
    units: tuple[str, ...] = ()


@dataclass
class Worst:
    """The examples that lose most, at most `most` of them, each with its first few losses."""

    most: int = 20
    each: int = 5
    _kept: list[tuple[int, int, list[Missed]]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def add(self, lost: int, shown: list[Missed]) -> None:
        """Offer one example by how many mentions it loses."""
        heapq.heappush(self._kept, (lost, -next(self._order), shown[: self.each]))
        if len(self._kept) > self.most:
            heapq.heappop(self._kept)

    def wants(self, lost: int) -> bool:
        """Whether an example that loses so many would be kept."""
        return lost > 0 and (len(self._kept) < self.most or lost > self._kept[0][0])

    def listed(self) -> list[Missed]:
        """List the losses of the kept examples, the worst example first."""
        return [one for _, _, shown in sorted(self._kept, reverse=True) for one in shown]


def unaligned(example: Example, units: Sequence[Unit], most: int) -> list[Missed]:
    """Show the first mentions that do not begin and end with a unit."""
    starts, ends = [start for start, _ in units], [end for _, end in units]
    lost = (one for one in example.mentions if align(one, starts, ends) is None)
    return [_missed(example, one, units) for one, _ in zip(lost, range(most), strict=False)]


def unlocated(example: Example, most: int) -> list[Missed]:
    """Show the first gold strings that do not stand in the text, with what is nearest to them."""
    return [
        Missed(example.line, example.id, gold.label, gold.text, _nearest(example.text, gold))
        for gold in example.unlocated[:most]
    ]


def _missed(example: Example, mention: Mention, units: Sequence[Unit]) -> Missed:
    touched = tuple(
        example.text[start:end]
        for start, end in units
        if start < mention.end and end > mention.start
    )
    context = _context(example.text, mention.start, mention.end)
    return Missed(example.line, example.id, mention.label, mention.text, context, touched)


def _context(text: str, start: int, end: int) -> str:
    before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    return " ".join(f"{before}«{text[start:end]}»{after}".split())


def _nearest(text: str, gold: Unlocated) -> str:
    """Show the place that has the longest run of characters in common with the gold."""
    near = text[:FAR]
    found = SequenceMatcher(None, near, gold.text, autojunk=False).find_longest_match()
    return _context(near, found.a, found.a + found.size) if found.size else ""
