"""Partial and type-only matches (SemEval 2013, task 9.1), counted independently of any order.

nervaluate 1.x pairs in the order of the lists and gives a prediction the first gold mention that
it overlaps, so where several labels share a span it takes the wrong one and loses pairs that exact
matching finds. Here the pairing is the best one that there is: no view can fall below exact spans.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from encswap.domain import Example, Prediction

Span = tuple[int, int, str]


@dataclass(frozen=True)
class Matches:
    """Pairs, of which `partial` count half, and how many predictions and gold mentions there are.

    Gold and predictions are sets of (start, end, label), as exact spans count them; gold that does
    not stand in its text is in `gold`.
    """

    correct: int = 0
    partial: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: Matches) -> Matches:
        return Matches(
            self.correct + other.correct,
            self.partial + other.partial,
            self.predicted + other.predicted,
            self.gold + other.gold,
        )

    def as_dict(self) -> dict[str, float | int]:
        """Precision, recall and F1 with the gold that there is."""
        hits, total = self.correct + 0.5 * self.partial, self.predicted + self.gold
        return {
            "precision": hits / self.predicted if self.predicted else 0.0,
            "recall": hits / self.gold if self.gold else 0.0,
            "f1": 2 * hits / total if total else 0.0,
            "support": self.gold,
        }


def partial_matches(example: Example, predictions: Iterable[Prediction]) -> Matches:
    """Match spans whatever their labels: equal ones count one, ones that overlap count half.

    Equal spans overlap the same others, so pairing them first loses nothing of the sum.
    """
    gold, found = _sets(example, predictions)
    waiting = list(gold)
    equal, others = 0, []
    for one in found:
        same = next((span for span in waiting if span[:2] == one[:2]), None)
        if same is None:
            others.append(one)
        else:
            waiting.remove(same)
            equal += 1
    return Matches(
        equal, _most_pairs(waiting, others), len(found), len(gold) + len(example.unlocated)
    )


def type_matches(example: Example, predictions: Iterable[Prediction]) -> Matches:
    """Match spans that overlap and have the same label, whatever their borders.

    What counts is the greatest number of pairs in which each mention and prediction stands once.
    """
    gold, found = _sets(example, predictions)
    pairs = sum(
        _most_pairs([span for span in gold if span[2] == label], same)
        for label, same in _by_label(found).items()
    )
    return Matches(pairs, 0, len(found), len(gold) + len(example.unlocated))


def _sets(example: Example, predictions: Iterable[Prediction]) -> tuple[list[Span], list[Span]]:
    gold = {(one.start, one.end, one.label) for one in example.mentions}
    return sorted(gold), sorted({(one.start, one.end, one.label) for one in predictions})


def _by_label(spans: Iterable[Span]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for span in spans:
        found.setdefault(span[2], []).append(span)
    return found


def _most_pairs(gold: Sequence[Span], found: Sequence[Span]) -> int:
    """Count the most one-to-one pairs of spans that overlap, by augmenting paths (Berge, 1957).

    Both are sorted.
    """
    near = list(_overlapping(gold, found))
    holders: dict[int, int] = {}
    return sum(_augment(place, near, holders) for place in range(len(found)))


def _overlapping(gold: Sequence[Span], found: Sequence[Span]) -> Iterator[list[int]]:
    """Yield the places of the gold spans that each found one shares a character with."""
    starts = [start for start, _, _ in gold]
    longest = max((end - start for start, end, _ in gold), default=0)
    for start, end, _ in found:
        places = range(bisect_left(starts, start - longest), bisect_left(starts, end))
        yield [place for place in places if start < gold[place][1]]


def _augment(first: int, near: Sequence[Sequence[int]], holders: dict[int, int]) -> bool:
    """Pair one more prediction, moving others to other gold where that makes room for it.

    `holders` tells of each gold span that is paired the prediction that holds it.
    """
    came_from: dict[int, int] = {}
    gave_up: dict[int, int | None] = {first: None}
    waiting = deque([first])
    while waiting:
        one = waiting.popleft()
        for place in near[one]:
            if place in came_from:
                continue
            came_from[place] = one
            if place in holders:
                gave_up[holders[place]] = place
                waiting.append(holders[place])
                continue
            free: int | None = place
            while free is not None:
                holders[free] = came_from[free]
                free = gave_up[came_from[free]]
            return True
    return False
