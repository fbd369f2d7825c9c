"""Recall by kind of mention: every gold mention in one slice of each aspect, and the right ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encswap.report.run_results import Run, ScoredDocument, read_run
from encswap.report.slices import MentionSlice, _nested, _thirds, slices_of
from encswap.types import Example, Mention, Prediction, Unlocated
from tests.report.conftest import write_run

SPANS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 8)).map(lambda one: (one[0], one[0] + one[1])),
    max_size=8,
    unique=True,
)


def document(text: str, gold, found, *, lost=(), seen=()) -> ScoredDocument:
    mentions = tuple(Mention(a, b, "X", text[a:b]) for a, b in gold)
    predictions = tuple(Prediction(a, b, "X", 0.9) for a, b in found)
    example = Example("one", text, mentions, tuple(Unlocated("X", one) for one in lost))
    return ScoredDocument(example, predictions, predictions, (), seen)


def run_of(*documents: ScoredDocument) -> Run:
    return Run("run", {"threshold": 0.5, "test": {"per_label": {"X": {}}}}, documents, {})


def of(run: Run, aspect: str) -> dict[tuple[int, int | None], MentionSlice]:
    return {one.bounds: one for one in slices_of(run) if one.aspect == aspect}


def test_mentions_that_training_marks_are_told_from_those_that_it_never_did():
    run = run_of(
        document("aa bb cc", [(0, 2), (3, 5)], [(0, 2)], seen=(3, 0)),
        document("aa bb cc", [(3, 5), (6, 8)], [(6, 8)], lost=["zz"], seen=(0, 1, 7)),
    )
    seen = of(run, "seen")
    assert (seen[1, 1].support, seen[1, 1].missed) == (3, 1)
    assert (seen[0, 0].support, seen[0, 0].missed) == (2, 2)
    assert seen[1, 1].recall == pytest.approx(2 / 3)
    assert seen[1, 1].missing == {1} and seen[0, 0].missing == {0, 1}
    often = of(run, "frequency")
    assert {bounds: one.support for bounds, one in often.items()} == {
        (1, 1): 1,
        (2, 4): 1,
        (5, None): 1,
    }


def test_a_run_that_records_no_training_has_no_such_slices():
    run = run_of(document("aa bb cc", [(0, 2), (3, 8)], [(0, 2)]))
    assert {one.aspect for one in slices_of(run)} == {"length"}


def test_mentions_that_share_a_character_are_nested():
    run = run_of(document("abcdefgh", [(0, 5), (2, 4), (6, 8)], [(0, 5), (6, 8)]))
    nested = of(run, "nesting")
    assert (nested[1, 1].support, nested[1, 1].missed) == (2, 1)
    assert (nested[0, 0].support, nested[0, 0].recall) == (1, 1.0)


@given(SPANS)
def test_nesting_is_what_comparing_every_pair_says(spans):
    gold = [Mention(start, end, "X", "") for start, end in spans]
    pairs = [(a, b) for a in gold for b in gold if a is not b]
    wanted = {a for a, b in pairs if a.start < b.end and b.start < a.end}
    assert _nested(gold) == wanted


@given(st.lists(st.integers(0, 50), min_size=1))
def test_thirds_hold_every_value_once(values):
    bounds = _thirds(values)
    assert 1 <= len(bounds) <= 3
    for value in values:
        assert sum(low <= value <= high for low, high in bounds) == 1


def test_every_gold_mention_stands_in_one_slice_of_each_aspect(planted: Path):
    run = read_run(planted)
    gold = run.metrics["test"]["micro"]["support"]
    correct = sum(one.correct for one in run.counts)
    for aspect in {one.aspect for one in slices_of(run)}:
        slices = of(run, aspect).values()
        assert sum(one.support for one in slices) == gold
        assert sum(one.support - one.missed for one in slices) == correct
        for one in slices:
            assert one.interval[0] <= one.recall <= one.interval[1]


def test_a_mention_that_the_file_marks_twice_counts_once():
    twice = document("aa bb", [(0, 2), (0, 2), (3, 5)], [(0, 2)], seen=(2, 2, 0))
    assert [one.support for one in of(run_of(twice), "seen").values()] == [1, 1]


def test_counts_of_training_come_back_from_a_run_folder(tmp_path: Path):
    example = Example("1", "aa bb", (Mention(0, 2, "Drug", "aa"), Mention(3, 5, "Drug", "bb")))
    folder = write_run(tmp_path / "run", [example], [[]], in_training={("Drug", "aa"): 4})
    (one,) = read_run(folder).documents
    assert one.in_training == (4, 0)
    assert replace(one, in_training=()).in_training == ()
