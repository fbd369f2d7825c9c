"""A threshold a label: chosen exactly, kept only where cross-fitting on dev shows a gain."""

from __future__ import annotations

import itertools
import random

import pytest

from encswap.evaluate.label_thresholds import (
    FOLDS,
    LEAST_DOCUMENTS,
    _best_by_label,
    choose_by_label,
)
from encswap.evaluate.metrics import Counts, micro
from encswap.evaluate.thresholds import best, score_at, sweep
from encswap.types import Example, Mention, Prediction

GRID = (0.1, 0.3, 0.5, 0.7)


def documents(count: int, seed: int, *, apart: bool):
    """Two labels; where `apart`, A is right from 0.2 and B from 0.6, else both from 0.4."""
    drawn = random.Random(seed)
    examples, found = [], []
    for number in range(count):
        text = f"{number:04d} " + "x" * 60
        mentions, candidates = [], []
        for place in range(5, 45, 4):
            label = drawn.choice("AB")
            score = drawn.random()
            least = {"A": 0.2, "B": 0.6}[label] if apart else 0.4
            right = score >= least if drawn.random() < 0.95 else score < least
            candidates.append(Prediction(place, place + 3, label, score))
            if right:
                mentions.append(Mention(place, place + 3, label, text[place : place + 3]))
        examples.append(Example(str(number), text, tuple(mentions), labels=("A", "B")))
        found.append(candidates)
    return examples, found


def chosen_on(examples, found):
    results = sweep(examples, found, GRID, None)
    return choose_by_label(examples, results, best(results).threshold, seed=1), results


def test_a_gain_that_dev_shows_is_kept_and_holds_on_documents_that_were_not_seen():
    examples, found = documents(80, 0, apart=True)
    got, results = chosen_on(examples, found)
    assert got.kept and got.gain is not None and got.gain.low > 0 and got.folds == FOLDS
    assert got.f1 > got.f1_one
    common = best(results).threshold
    assert got.thresholds.get("A", common) < got.thresholds.get("B", common)
    fresh, candidates = documents(80, 9, apart=True)
    one = score_at(fresh, candidates, common, None).micro.f1
    assert score_at(fresh, candidates, common, None, got.thresholds).micro.f1 > one


@pytest.mark.parametrize("seed", range(4))
def test_where_labels_do_not_differ_one_threshold_stays(seed):
    got, _ = chosen_on(*documents(40, seed, apart=False))
    assert not got.kept and got.thresholds == {}


def test_noise_alone_is_kept_about_as_rarely_as_the_interval_says():
    kept = 0
    for seed in range(40):
        examples, found = documents(30, 100 + seed, apart=False)
        kept += chosen_on(examples, found)[0].kept
    assert kept <= 3


@pytest.mark.parametrize("count", [1, 4, LEAST_DOCUMENTS - 1])
def test_too_few_documents_show_nothing(count):
    got, _ = chosen_on(*documents(count, 0, apart=True))
    assert not got.kept and got.gain is None


def test_documents_of_one_text_are_never_in_two_folds():
    examples, found = documents(1, 0, apart=True)
    got, _ = chosen_on(examples * 40, found * 40)
    assert got.folds == 1 and not got.kept


@pytest.mark.parametrize("seed", range(12))
def test_no_other_choice_of_thresholds_has_a_higher_f1(seed):
    drawn = random.Random(seed)
    labels = "ABC"
    table = {
        t: [
            {
                label: Counts(c := drawn.randint(0, 4), c + drawn.randint(0, 4), 6)
                for label in labels
            }
            for _ in range(3)
        ]
        for t in GRID
    }

    def f1(choice):
        return sum(
            (table[t][place][label] for label, t in zip(labels, choice, strict=True)
             for place in range(3)),
            Counts(),
        ).f1  # fmt: skip

    got = _best_by_label(table, range(3), 0.5)
    most = max(f1(choice) for choice in itertools.product(GRID, repeat=3))
    assert f1([got[label] for label in labels]) == pytest.approx(most)


def test_of_equals_the_threshold_for_all_stays():
    table = {t: [{"A": Counts(2, 3, 4), "B": Counts(1, 1, 1)}] for t in GRID}
    assert _best_by_label(table, [0], 0.3) == {"A": 0.3, "B": 0.3}
    assert micro(table[0.3][0]).f1 == pytest.approx(6 / 9)
