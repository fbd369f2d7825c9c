"""From scored candidates to what is extracted: overlaps resolved as gliner2 does.

The policies are those of `gliner2.inference.overlap` 2.1, whose package imports torch; a test
compares the two.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence

from encswap.types import Prediction

Selection = tuple[float, tuple[int, ...]]
"""The total score of a set of spans, and their places in the order of their ends."""


def resolve(
    candidates: Sequence[Prediction],
    threshold: float,
    policy: str | None,
    per_label: Mapping[str, float] | None = None,
) -> list[Prediction]:
    """Keep what gliner2 would extract at `threshold`: overlaps resolved label by label.

    `per_label` replaces the threshold of some labels; a policy of None is the span head's own.
    """
    own = per_label or {}
    by_label: dict[str, list[Prediction]] = {}
    for one in candidates:
        if one.score >= own.get(one.label, threshold):
            by_label.setdefault(one.label, []).append(one)
    found: list[Prediction] = []
    for same in by_label.values():
        found += _greedy(same) if policy is None else _by_policy(same, policy)
    return sorted(found, key=lambda one: (one.start, one.end, one.label))


def flatten(found: Sequence[Prediction]) -> list[Prediction]:
    """Keep one label a span, whatever overlaps: the best score first, of all labels together."""
    return sorted(_greedy(found), key=lambda one: (one.start, one.end, one.label))


def _greedy(candidates: Sequence[Prediction]) -> list[Prediction]:
    """Keep the best first, and drop what overlaps it: gliner2's default for span heads.

    gliner2 compares each candidate with all that are kept; those lie in order, so its two
    neighbours are enough. In a long document that is the difference of minutes.
    """
    starts: list[int] = []
    kept: list[Prediction] = []
    for one in sorted(candidates, key=lambda one: one.score, reverse=True):
        place = bisect_left(starts, one.end)
        if place == 0 or kept[place - 1].end <= one.start:
            starts.insert(place, one.start)
            kept.insert(place, one)
    return kept


def _by_policy(candidates: Sequence[Prediction], policy: str) -> Iterator[Prediction]:
    """Resolve by one of gliner2's policies, run by run: what does not touch cannot matter."""
    for run in _runs(candidates):
        yield from POLICIES[policy](_distinct(run))


def _runs(candidates: Sequence[Prediction]) -> Iterator[list[Prediction]]:
    """Divide candidates where no one reaches across."""
    run: list[Prediction] = []
    end = 0
    for one in sorted(candidates, key=lambda one: (one.start, one.end)):
        if run and one.start >= end:
            yield run
            run = []
        run.append(one)
        end = max(end, one.end)
    if run:
        yield run


def _rank(one: Prediction) -> tuple[float, int, int]:
    return -one.score, one.start, one.end


def _distinct(run: Sequence[Prediction]) -> list[Prediction]:
    """The candidates from the best to the least, each pair of boundaries once."""
    best: dict[tuple[int, int], Prediction] = {}
    for one in sorted(run, key=_rank):
        best.setdefault((one.start, one.end), one)
    return list(best.values())


def _all(ranked: Sequence[Prediction]) -> list[Prediction]:
    return list(ranked)


def _nested(ranked: Sequence[Prediction]) -> list[Prediction]:
    """Keep what crosses nothing that is kept; one inside another is no crossing."""
    kept: list[Prediction] = []
    for one in ranked:
        if not any(_cross(one, other) for other in kept):
            kept.append(one)
    return kept


def _cross(one: Prediction, other: Prediction) -> bool:
    return (
        one.start < other.start < one.end < other.end
        or other.start < one.start < other.end < one.end
    )


def _longest(ranked: Sequence[Prediction]) -> list[Prediction]:
    """Drop what lies inside another candidate; boundaries differ, so inside is strictly inside."""
    return [
        one
        for one in ranked
        if not any(
            other is not one and other.start <= one.start and one.end <= other.end
            for other in ranked
        )
    ]


def _disjoint(ranked: Sequence[Prediction]) -> list[Prediction]:
    """The set of the greatest total score in which none overlaps: weighted interval scheduling.

    Of equal totals the larger set stays, then the one whose members rank first.
    """
    ordered = sorted(ranked, key=lambda one: (one.end, one.start, -one.score))
    ends = [one.end for one in ordered]
    best: list[Selection] = [(0.0, ())]
    for place, one in enumerate(ordered):
        score, members = best[bisect_right(ends, one.start, 0, place)]
        taken = (score + one.score, (*members, place))
        left = best[place]
        best.append(taken if _is_better(taken, left, ordered) else left)
    return sorted((ordered[place] for place in best[-1][1]), key=_rank)


def _is_better(one: Selection, other: Selection, ordered: Sequence[Prediction]) -> bool:
    mine, theirs = (one[0], len(one[1])), (other[0], len(other[1]))
    if mine != theirs:
        return mine > theirs
    ranks = [sorted(_rank(ordered[place]) for place in members) for _, members in (one, other)]
    return ranks[0] < ranks[1]


POLICIES: Mapping[str, Callable[[Sequence[Prediction]], list[Prediction]]] = {
    "allow": _all,
    "nested": _nested,
    "longest": _longest,
    "disallow": _disjoint,
}
