"""Overlapping gold: counted, and what an overlap policy can return of it."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encswap.data.overlaps import (
    POLICIES,
    Ceiling,
    Overlaps,
    measure_ceiling,
    most_returned,
    overlaps_of,
)
from encswap.gliner.decoding import resolve
from encswap.types import Example, Mention, Prediction, Unlocated

SPANS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 6)).map(lambda one: (one[0], one[0] + one[1])),
    max_size=7,
    unique=True,
)


def words(text: str, lower: bool = True):
    start = 0
    for word in text.split(" "):
        yield word, start, start + len(word)
        start += len(word) + 1


def mention(start: int, end: int, label: str = "D") -> Mention:
    return Mention(start, end, label, "x" * (end - start))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(None, 2), ("disallow", 2), ("longest", 2), ("nested", 3), ("allow", 3)],
)
def test_a_policy_keeps_what_it_can_of_nested_spans(policy, expected):
    assert most_returned([(0, 10), (0, 4), (6, 10)], policy) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(None, 1), ("disallow", 1), ("longest", 2), ("nested", 1), ("allow", 2)],
)
def test_a_policy_keeps_what_it_can_of_crossing_spans(policy, expected):
    assert most_returned([(0, 6), (4, 10)], policy) == expected


@settings(deadline=None)
@given(SPANS, st.sampled_from([None, *POLICIES]))
def test_no_scores_make_gliner2_return_more_and_some_make_it_return_as_much(spans, policy):
    """The best set of each size is scored high, and gliner2's own resolution keeps it."""
    most = most_returned(spans, policy)
    reached = 0
    for size in range(len(spans) + 1):
        for high in combinations(spans, size):
            scored = [
                Prediction(*span, "D", 0.9 - 0.001 * n)
                for n, span in enumerate(sorted(high, key=lambda one: one[1] - one[0]))
            ]
            kept = len(resolve(scored, 0.5, policy))
            assert kept <= most
            reached = max(reached, kept)
    assert reached == most


def test_mentions_inside_or_across_others_are_counted_by_label():
    found = overlaps_of(
        [mention(0, 10), mention(2, 4), mention(2, 4, "B"), mention(12, 16), mention(14, 20, "B")]
    )
    assert found == Overlaps(nested=2, nested_same_label=1, crossing=2, crossing_same_label=0)
    assert overlaps_of([mention(0, 3), mention(3, 5)]) == Overlaps()


def test_every_lost_mention_is_in_one_part_of_the_ceiling():
    text = "aa bb cc dd ee ff ."
    gold = (
        Mention(0, 5, "D", "aa bb"),
        Mention(0, 2, "D", "aa"),
        Mention(3, 5, "P", "bb"),
        Mention(7, 8, "D", "c"),
        Mention(6, 17, "D", "cc dd ee ff"),
    )
    example = Example("1", text, tuple(sorted(gold)), (Unlocated("D", "zz"),))
    found = measure_ceiling([example], words, 3, None)
    assert found == Ceiling(mentions=6, unlocated=1, unaligned=1, too_wide=1, overlapping=1)
    assert found.share == 2 / 6
    assert measure_ceiling([example], words, 3, "nested").overlapping == 0
    parts = found.as_dict()
    assert (parts["aligned"], parts["expressed"]) == (4 / 6, 3 / 6)


def test_the_ceiling_of_nothing_is_zero():
    assert measure_ceiling([], words, 3, None).share == 0.0
