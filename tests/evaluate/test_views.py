"""The other views agree with the programs that define them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encswap.domain import Example, Mention, Prediction, Unlocated
from encswap.evaluate.calibration import calibrate, expected_error
from encswap.evaluate.candidates import resolve
from encswap.evaluate.comparison import compare
from encswap.evaluate.intervals import bootstrap_f1
from encswap.evaluate.metrics import Counts
from encswap.evaluate.survivors import GRID, TICKS, standing, survivors, tick
from encswap.evaluate.thresholds import score_at
from encswap.evaluate.views import macro, other_views, string_sets

TEXT = "당뇨병 환자에게 인슐린을 투여하고 당뇨병 재검"
LABELS = ["Disease", "Drug"]
spans = st.tuples(st.integers(0, 20), st.integers(1, 5), st.sampled_from(LABELS))
documents = st.lists(
    st.tuples(st.lists(spans, max_size=6, unique=True), st.lists(spans, max_size=6, unique=True)),
    min_size=1,
    max_size=4,
)


def build(drawn):
    examples, predictions = [], []
    for number, (gold, found) in enumerate(drawn):
        mentions = tuple(Mention(s, s + n, label, TEXT[s : s + n]) for s, n, label in gold)
        examples.append(Example(str(number), TEXT, mentions))
        predictions.append([Prediction(s, s + n, label, 0.9) for s, n, label in found])
    return examples, predictions


@settings(deadline=None)
@given(documents)
def test_partial_and_type_matches_equal_nervaluate_s(drawn):
    from nervaluate import Evaluator

    examples, predictions = build(drawn)

    def as_dicts(rows):
        # nervaluate's end is inclusive.
        return [[{"label": o.label, "start": o.start, "end": o.end - 1} for o in r] for r in rows]

    gold, found = as_dicts([e.mentions for e in examples]), as_dicts(predictions)
    expected = Evaluator(gold, found, tags=LABELS, loader="dict").evaluate()["overall"]
    views = other_views(examples, predictions, {})
    for ours, theirs in (("partial", "partial"), ("type", "ent_type")):
        assert views[ours]["precision"] == pytest.approx(expected[theirs].precision)
        assert views[ours]["recall"] == pytest.approx(expected[theirs].recall)
        assert views[ours]["f1"] == pytest.approx(expected[theirs].f1)


def test_macro_averages_the_labels_that_occur():
    counts = {"A": Counts(1, 1, 1), "B": Counts(0, 0, 2), "C": Counts(0, 0, 0)}
    assert macro(counts)["f1"] == pytest.approx(0.5)
    assert macro({})["f1"] == 0.0


def test_strings_that_stand_twice_count_once_and_unlocated_gold_stays():
    gold = (Mention(0, 3, "Disease", "당뇨병"), Mention(18, 21, "Disease", "당뇨병"))
    example = Example("1", TEXT, gold, (Unlocated("Drug", "없음"),))
    counts = string_sets(example, [Prediction(0, 3, "Disease", 0.9)])
    assert counts == Counts(1, 1, 2)


def test_scores_that_are_right_as_often_as_they_say_have_no_error():
    example = Example("1", TEXT, (Mention(0, 1, "D", "당"),))
    found = [Prediction(0, 1, "D", 0.5), Prediction(1, 2, "D", 0.5)]
    curve = calibrate([example], [found])
    assert [(one.count, one.score, one.right) for one in curve] == [(2, 0.5, 0.5)]
    assert expected_error(curve) == 0.0
    sure = calibrate([example], [[Prediction(1, 2, "D", 1.0)]])
    assert expected_error(sure) == 1.0
    assert expected_error([]) == 0.0


scored = st.lists(
    st.builds(
        lambda s, n, label, score: Prediction(s, s + n, label, score),
        st.integers(0, 12),
        st.integers(1, 5),
        st.sampled_from(LABELS),
        st.one_of(st.sampled_from([0.05, 0.3, 0.35, 0.9]), st.floats(0.05, 1.0)),
    ),
    max_size=15,
    unique_by=lambda one: (one.start, one.end, one.label),
)


@settings(deadline=None)
@given(scored, st.sampled_from(GRID))
def test_any_threshold_is_read_off_the_survivors(candidates, place):
    threshold = place / TICKS
    assert standing(survivors(candidates), threshold) == resolve(candidates, threshold, None)


@settings(max_examples=10, deadline=None)
@given(scored)
def test_other_policies_are_read_off_the_grid(candidates):
    found = survivors(candidates, "flat")
    for place in GRID[::9]:
        threshold = place / TICKS
        assert standing(found, threshold) == resolve(candidates, threshold, "flat")


@settings(deadline=None)
@given(st.floats(0.0, 1.0))
def test_a_tick_is_the_last_one_that_a_score_reaches(score):
    assert score >= tick(score) / TICKS
    assert score < (tick(score) + 1) / TICKS


def test_equal_runs_do_not_differ_and_a_better_one_does():
    weak = [Counts(1, 2, 2)] * 40
    strong = [Counts(2, 2, 2)] * 40
    assert not compare(weak, weak, seed=1).real
    better = compare(weak, strong, seed=1)
    assert better.real and better.f1 == pytest.approx(0.5)
    assert compare(strong, weak, seed=1).f1 == pytest.approx(-0.5)
    assert not compare([], [], seed=1).real


def test_a_difference_on_few_documents_may_be_chance():
    generator = np.random.default_rng(0)
    first = [Counts(int(n), 2, 2) for n in generator.integers(0, 3, 12)]
    second = [*first[:-1], Counts(2, 2, 2)]
    assert not compare(first, second, seed=1).real


def test_an_interval_is_the_same_when_drawn_in_portions(monkeypatch):
    from encswap.evaluate import intervals

    documents = [Counts(n % 3, 2, 2) for n in range(20)]
    whole = bootstrap_f1(documents, seed=3)
    monkeypatch.setattr(intervals, "MOST_DRAWN", 200)
    assert bootstrap_f1(documents, seed=3) == pytest.approx(whole, abs=0.01)


def test_a_page_and_a_command_count_the_same(monkeypatch):
    example = Example("1", TEXT, (Mention(0, 3, "Disease", "당뇨병"),))
    candidates = [Prediction(0, 3, "Disease", 0.4), Prediction(0, 5, "Disease", 0.6)]
    for threshold in (0.3, 0.5):
        (predicted,) = score_at([example], [candidates], threshold, None).predictions
        assert list(predicted) == standing(survivors(candidates), threshold)
