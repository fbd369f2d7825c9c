"""Gold that overlaps gold of its own label, and how much of it a model can return at best.

gliner2 resolves overlaps label by label (gliner2.inference.overlap): gold that its policy cannot
return lowers the ceiling of recall as surely as gold that the units cannot express.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from encswap.data.units import align, units_of_all
from encswap.types import Example, Mention, WordSplitter

OverlapPolicy = Literal["allow", "nested", "disallow", "longest"]
POLICIES: tuple[OverlapPolicy, ...] = get_args(OverlapPolicy)
Span = tuple[int, int]


@dataclass(frozen=True)
class Overlaps:
    """How many mentions lie inside another one, or cross one, of the same label or of any.

    A mention with the same characters under another label is inside it.
    """

    nested: int = 0
    nested_same_label: int = 0
    crossing: int = 0
    crossing_same_label: int = 0

    def __add__(self, other: Overlaps) -> Overlaps:
        pairs = zip(asdict(self).values(), asdict(other).values(), strict=True)
        return Overlaps(*(one + two for one, two in pairs))


@dataclass(frozen=True)
class Ceiling:
    """What becomes of gold before any model predicts: each mention is in one count but `mentions`.

    `overlapping` are those that the overlap policy drops although the units express them.
    """

    mentions: int = 0
    unlocated: int = 0
    unaligned: int = 0
    too_wide: int = 0
    overlapping: int = 0

    @property
    def share(self) -> float:
        """The ceiling of recall: the share of all gold that can be returned."""
        lost = self.unlocated + self.unaligned + self.too_wide + self.overlapping
        return (self.mentions - lost) / self.mentions if self.mentions else 0.0

    def __add__(self, other: Ceiling) -> Ceiling:
        pairs = zip(asdict(self).values(), asdict(other).values(), strict=True)
        return Ceiling(*(one + two for one, two in pairs))

    def as_dict(self) -> dict[str, Any]:
        """The ceiling with its parts; `aligned` and `expressed` are shares of all gold."""
        total = self.mentions or 1
        aligned = self.mentions - self.unlocated - self.unaligned
        return {
            "share": self.share,
            "aligned": aligned / total,
            "expressed": (aligned - self.too_wide) / total,
            **asdict(self),
        }


def measure_ceiling(
    examples: Sequence[Example],
    splitter: WordSplitter,
    max_width: int | None,
    policy: str | None,
) -> Ceiling:
    """Count what can be returned of the examples' gold; None is the span head's own policy."""
    cut = units_of_all(splitter, (example.text for example in examples))
    parts = (
        ceiling_of(example, units, max_width, policy)
        for example, units in zip(examples, cut, strict=True)
    )
    return sum(parts, Ceiling())


def ceiling_of(
    example: Example, units: Sequence[Span], max_width: int | None, policy: str | None
) -> Ceiling:
    """Count what can be returned of one example's gold with the units of its text."""
    starts, ends = [start for start, _ in units], [end for _, end in units]
    narrow: dict[str, list[Span]] = {}
    unaligned = too_wide = 0
    for one in example.mentions:
        found = align(one, starts, ends)
        if found is None:
            unaligned += 1
        elif max_width is not None and found[1] - found[0] + 1 > max_width:
            too_wide += 1
        else:
            narrow.setdefault(one.label, []).append((one.start, one.end))
    lost = sum(len(spans) - most_returned(spans, policy) for spans in narrow.values())
    gold = len(example.mentions) + len(example.unlocated)
    return Ceiling(gold, len(example.unlocated), unaligned, too_wide, lost)


def most_returned(spans: Iterable[Span], policy: str | None) -> int:
    """Return how many distinct spans of one label a policy keeps, were each scored at its best.

    `disallow`, and the span head's greedy search (None), keep spans that share no character;
    `nested` keeps spans that do not cross; `longest` spans of which none is inside another; `allow`
    keeps all. A model may leave out one span to have two others kept.
    """
    known = sorted(set(spans))
    if policy == "allow":
        return len(known)
    return sum(_most_of_run(run, policy) for run in _runs(known))


def overlaps_of(mentions: Sequence[Mention]) -> Overlaps:
    """Count the mentions of one text that lie inside, or cross, another."""
    found = Overlaps()
    for run in _runs_of(sorted(mentions, key=lambda one: (one.start, one.end))):
        for one in run if len(run) > 1 else ():
            found += _meeting(one, [other for other in run if other != one])
    return found


def _meeting(one: Mention, others: Sequence[Mention]) -> Overlaps:
    inside = [other for other in others if other.start <= one.start and one.end <= other.end]
    crossing = [
        other
        for other in others
        if one.start < other.start < one.end < other.end
        or other.start < one.start < other.end < one.end
    ]
    return Overlaps(
        bool(inside),
        any(other.label == one.label for other in inside),
        bool(crossing),
        any(other.label == one.label for other in crossing),
    )


def _most_of_run(run: Sequence[Span], policy: str | None) -> int:
    if len(run) == 1:
        return 1
    if policy == "longest":
        return _most_apart(run)
    if policy == "nested":
        return _most_disjoint(run, _most_inside(run))
    return _most_disjoint(run, dict.fromkeys(run, 1))


def _most_apart(run: Sequence[Span]) -> int:
    """Count the largest set of spans of which none lies inside another.

    In order of their starts, such spans have rising ends: a longest increasing subsequence.
    """
    tails: list[int] = []
    for _, end in sorted(run, key=lambda one: (one[0], -one[1])):
        place = bisect_left(tails, end)
        tails[place : place + 1] = [end]
    return len(tails)


def _most_inside(run: Sequence[Span]) -> dict[Span, int]:
    """Weigh each span by the largest set of spans within it, itself too, that do not cross."""
    weights: dict[Span, int] = {}
    for span in sorted(run, key=lambda one: one[1] - one[0]):
        inside = [one for one in weights if span[0] <= one[0] and one[1] <= span[1]]
        weights[span] = 1 + _most_disjoint(inside, weights)
    return weights


def _most_disjoint(spans: Iterable[Span], weights: Mapping[Span, int]) -> int:
    """Weighted interval scheduling: the greatest weight of spans that share no character."""
    ordered = sorted(spans, key=lambda one: one[1])
    ends, best = [end for _, end in ordered], [0]
    for place, span in enumerate(ordered):
        before = bisect_right(ends, span[0], hi=place)
        best.append(max(best[place], best[before] + weights[span]))
    return best[-1]


def _runs(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Divide ordered spans where none reaches across."""
    run: list[Span] = []
    end = 0
    for span in spans:
        if run and span[0] >= end:
            yield run
            run = []
        run.append(span)
        end = max(end, span[1])
    if run:
        yield run


def _runs_of(mentions: Sequence[Mention]) -> Iterator[list[Mention]]:
    by_span: dict[Span, list[Mention]] = {}
    for one in mentions:
        by_span.setdefault((one.start, one.end), []).append(one)
    for run in _runs(sorted(by_span)):
        yield [one for span in run for one in by_span[span]]
