"""The other views agree with the programs that define them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encswap.evaluate.intervals import bootstrap_f1, compare
from encswap.evaluate.metrics import Counts, count, micro, total
from encswap.evaluate.summary import macro, other_views, partial_matches, string_sets, type_matches
from encswap.evaluate.thresholds import (
    GRID,
    TICKS,
    Survivor,
    calibrate,
    expected_error,
    score_at,
    survivors,
    tick,
)
from encswap.gliner.decoding import resolve
from encswap.types import Example, Mention, Prediction, Unlocated

TEXT = "당뇨병 환자에게 인슐린을 투여하고 당뇨병 재검"
LABELS = ["Disease", "Drug"]


def standing(found: list[Survivor], threshold: float) -> list[Prediction]:
    """The predictions at a threshold that is a whole number of ticks, in the text's order."""
    wanted = round(threshold * TICKS)
    kept = [one.candidate for one in found if one.low <= wanted <= one.high]
    return sorted(kept, key=lambda one: (one.start, one.end, one.label))


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


apart = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 4), st.sampled_from(LABELS)),
    max_size=4,
    unique_by=lambda one: one[0],
).map(lambda drawn: [(5 * place, n, label) for place, n, label in drawn])


@settings(deadline=None)
@given(st.lists(st.tuples(apart, apart), min_size=1, max_size=4))
def test_partial_and_type_matches_equal_nervaluate_s_where_no_span_meets_two(drawn):
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


def best_sum(gold, found, worth):
    """The greatest sum over all ways to pair, tried one by one."""
    if not found:
        return 0
    first, rest = found[0], found[1:]
    ways = [best_sum(gold, rest, worth)]
    for place, one in enumerate(gold):
        if worth(one, first):
            left = gold[:place] + gold[place + 1 :]
            ways.append(worth(one, first) + best_sum(left, rest, worth))
    return max(ways)


def overlap(one, other):
    return one[0] < other[1] and other[0] < one[1]


def worth_of_type(one, other):
    return float(one[2] == other[2] and overlap(one, other))


def worth_of_span(one, other):
    return 1.0 if one[:2] == other[:2] else 0.5 * overlap(one, other)


few = st.lists(spans, max_size=5, unique=True)


@settings(deadline=None)
@given(few, few)
def test_partial_and_type_matches_are_the_best_of_all_pairings(gold, found):
    (example,), (predictions,) = build([(gold, found)])
    spans_of = [(s, s + n, label) for s, n, label in gold]
    found_spans = [(s, s + n, label) for s, n, label in found]
    assert type_matches(example, predictions).correct == best_sum(
        spans_of, found_spans, worth_of_type
    )
    partial = partial_matches(example, predictions)
    assert partial.correct + 0.5 * partial.partial == best_sum(spans_of, found_spans, worth_of_span)


@settings(deadline=None)
@given(documents, st.randoms())
def test_no_view_of_spans_falls_below_exact_spans_whatever_the_order(drawn, random):
    examples, predictions = build(drawn)
    exact = micro(total(count(e, p) for e, p in zip(examples, predictions, strict=True)))
    views = other_views(examples, predictions, {})
    for name in ("partial", "type"):
        assert views[name]["precision"] >= exact.precision
        assert views[name]["recall"] >= exact.recall
        assert views[name]["f1"] >= exact.f1
        assert views[name]["support"] == exact.gold
    mixed = [random.sample(one, len(one)) for one in predictions]
    assert other_views(examples, mixed, {}) == views


def test_labels_that_share_a_span_are_each_matched_with_their_own():
    gold = tuple(Mention(0, 3, label, "당뇨병") for label in ("A", "B", "C"))
    found = [Prediction(0, 3, label, 0.9) for label in ("C", "B")]
    views = other_views([Example("1", TEXT, gold)], [found], {})
    assert views["type"] == {
        "precision": 1.0,
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(0.8),
        "support": 3,
    }
    one = other_views([Example("1", TEXT, gold)], [[Prediction(0, 3, "C", 0.9)]], {})
    assert one["type"]["precision"] == 1.0


def test_gold_that_is_not_in_its_text_is_missed_by_every_view():
    example = Example("1", TEXT, (), (Unlocated("Drug", "없음"),))
    views = other_views([example], [[]], {})
    assert [views[name]["support"] for name in ("partial", "type")] == [1, 1]


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
    found = survivors(candidates, "disallow")
    for place in GRID[::9]:
        threshold = place / TICKS
        assert standing(found, threshold) == resolve(candidates, threshold, "disallow")


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
