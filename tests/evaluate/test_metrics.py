"""Scores by their definitions, with nothing dropped from the denominator."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encswap.evaluate.intervals import bootstrap_f1
from encswap.evaluate.metrics import Counts, count, iob2, micro, strict_iob2
from encswap.evaluate.summary import judge_targets
from encswap.evaluate.thresholds import best, sweep
from encswap.types import Example, Mention, Prediction, Unlocated

TEXT = "당뇨병 환자에게 인슐린을 투여"


def example(*mentions, unlocated=()):
    return Example("1", TEXT, tuple(mentions), tuple(unlocated))


DIABETES = Mention(0, 3, "Disease", "당뇨병")
INSULIN = Mention(9, 12, "Drug", "인슐린")


def test_a_prediction_counts_only_with_equal_offsets_and_label():
    counts = count(
        example(DIABETES, INSULIN),
        [Prediction(0, 3, "Disease", 0.9), Prediction(9, 13, "Drug", 0.9)],
    )
    assert counts["Disease"] == Counts(1, 1, 1)
    assert counts["Drug"] == Counts(0, 1, 1)
    assert micro(counts).f1 == pytest.approx(0.5)


def test_gold_that_is_not_in_the_text_is_a_miss():
    counts = count(
        example(DIABETES, unlocated=[Unlocated("Disease", "고혈압")]),
        [Prediction(0, 3, "Disease", 0.9)],
    )
    assert counts["Disease"].recall == pytest.approx(0.5)
    assert counts["Disease"].precision == 1.0


def test_nothing_predicted_and_nothing_gold_scores_zero_without_an_error():
    assert Counts().f1 == Counts().precision == Counts().recall == 0.0


def test_iob2_tags_characters_and_lets_the_first_of_overlapping_spans_stand():
    assert iob2(4, [(0, 2, "A"), (1, 3, "B"), (3, 4, "B")]) == ["B-A", "I-A", "O", "B-B"]


def test_strict_iob2_agrees_with_exact_spans_where_nothing_overlaps():
    found = [Prediction(0, 3, "Disease", 0.9), Prediction(9, 13, "Drug", 0.9)]
    ours = micro(count(example(DIABETES, INSULIN), found))
    theirs = strict_iob2([example(DIABETES, INSULIN)], [found])
    assert theirs["f1"] == pytest.approx(ours.f1)
    assert theirs["support"] == 2


def test_adjacent_mentions_of_one_label_stay_two_in_iob2():
    gold = example(Mention(0, 2, "Drug", "당뇨"), Mention(2, 3, "Drug", "병"))
    assert strict_iob2([gold], [[Prediction(0, 3, "Drug", 1.0)]])["f1"] == 0.0


@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=20))
def test_the_interval_holds_scores_and_repeats_with_its_seed(rows):
    documents = [Counts(min(c, p, g), p, g) for c, p, g in rows]
    low, high = bootstrap_f1(documents, seed=1, resamples=200)
    assert 0.0 <= low <= high <= 1.0
    assert (low, high) == bootstrap_f1(documents, seed=1, resamples=200)


def test_the_interval_of_equal_documents_is_a_point():
    assert bootstrap_f1([Counts(1, 2, 2)] * 5, seed=0) == (pytest.approx(0.5), pytest.approx(0.5))


def test_the_sweep_takes_the_higher_of_equally_good_thresholds():
    candidates = [[Prediction(0, 3, "Disease", 0.9), Prediction(9, 12, "Drug", 0.35)]]
    results = sweep([example(DIABETES, INSULIN)], candidates, (0.1, 0.3, 0.5), None)
    assert [one.micro.f1 for one in results] == [1.0, 1.0, pytest.approx(2 / 3)]
    assert best(results).threshold == 0.3


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [((0.5, 0.6), "met"), ((0.1, 0.4), "missed"), ((0.4, 0.6), "undecided")],
)
def test_a_target_is_undecided_where_the_interval_straddles_it(interval, verdict):
    numbers = {"f1": 0.5, "interval": list(interval)}
    judged = judge_targets({"micro": 0.5}, {"micro": numbers, "per_label": {}})
    assert judged["micro"]["verdict"] == verdict


def test_a_target_for_a_label_that_is_not_there_is_not_measured():
    judged = judge_targets({"Gene": 0.5}, {"micro": {}, "per_label": {}})
    assert judged["Gene"]["verdict"] == "not measured"
