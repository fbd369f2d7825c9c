"""What is concluded from the head-reuse grid: effects, the rule and its regret, the page."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = ("effects", "rule", "findings", "run")


@pytest.fixture(scope="module")
def room():
    """The modules of benchmarks/head_reuse, as its scripts import them."""
    sys.path.insert(0, str(ROOT / "benchmarks" / "head_reuse"))
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.pop(0)
        for name in MODULES:
            sys.modules.pop(name, None)


def cell(f1, seed, size=50, **settings):
    own = {"encoder": "one", "strategy": "surgical", "embeddings": "transplant", **settings}
    return {"settings": {**own, "epochs": 600 // size, "size": size, "seed": seed}, "f1": f1}


def test_scores_are_of_cells_that_differ_from_the_centre_in_what_is_asked_alone(room):
    cells = [
        cell(0.5, 1),
        cell(0.4, 1, splitter="whitespace"),
        cell(0.3, 1, splitter="whitespace", strategy="fresh-heads"),
        cell(0.2, 1, encoder="two", alignment="none"),
        cell(None, 2),
    ]
    scores = room["effects"].scores
    assert scores(cells, encoder="one") == {(50, 1): 0.5}
    assert scores(cells, encoder="one", splitter="whitespace") == {(50, 1): 0.4}
    assert scores(cells, encoder="two") == {(50, 1): 0.2}


def test_an_effect_is_shown_where_the_seeds_agree_and_not_where_they_do_not(room):
    effects, family = room["effects"].effects, room["effects"].family
    before = {(size, seed): 0.5 for size in (50, 200) for seed in (1, 2, 3, 4, 5)}
    moved = {1: 0.11, 2: 0.1, 3: 0.09, 4: 0.1, 5: 0.1}
    after = {(50, seed): 0.5 + by for seed, by in moved.items()}
    after |= {(200, seed): 0.5 + (-1) ** seed * by for seed, by in moved.items()}
    small, large = family(list(effects("one", "a change", before, after)))
    assert (small.size, small.direction) == (50, 1) and small.difference.mean == pytest.approx(0.1)
    assert (large.size, large.direction) == (200, 0)
    assert small.p == pytest.approx(2 * small.difference.p)
    (fallen, _) = family(list(effects("one", "back", after, before)))
    assert fallen.direction == -1


def test_the_effect_over_all_sizes_takes_the_seeds_that_every_size_has(room):
    before = {(50, seed): 0.0 for seed in (1, 2, 3)} | {(200, seed): 0.0 for seed in (1, 2)}
    after = {(50, 1): 0.1, (50, 2): 0.2, (50, 3): 9.0, (200, 1): 0.3, (200, 2): 0.2}
    found = room["effects"].overall("one", "a change", before, after)
    assert (found.difference.n, found.difference.mean) == (2, pytest.approx(0.2))


def case(room, encoder, same, similarity, documents, kept, new):
    f1 = {"surgical": kept, "fresh-heads": new}
    return room["rule"].Case(encoder, same, similarity, documents, f1)


def test_the_rule_of_least_regret_is_found_and_the_simplest_of_equals(room):
    rule = room["rule"]
    cases = [
        case(room, "one", True, 0.3, 50, 0.5, 0.3),
        case(room, "one", True, 0.3, 200, 0.6, 0.5),
        case(room, "two", False, 0.1, 50, 0.2, 0.3),
        case(room, "two", False, 0.1, 200, 0.4, 0.5),
    ]
    best = rule.fit(cases)
    assert str(best) == "surgical where the class matches, else fresh-heads"
    assert rule.mean_regret(best, cases) == 0
    assert str(rule.fit(cases[:2])) == "always surgical"
    few = [
        case(room, "one", True, 0.3, 50, 0.5, 0.3),
        case(room, "one", True, 0.3, 200, 0.4, 0.5),
        case(room, "two", True, 0.1, 50, 0.3, 0.3),
    ]
    told = "surgical where there are at most 50 documents, else fresh-heads"
    assert str(rule.fit(few)) == told


def test_a_rule_is_judged_on_cases_that_did_not_choose_it(room):
    cases = [
        case(room, "one", True, 0.3, 50, 0.5, 0.3),
        case(room, "two", False, 0.1, 50, 0.25, 0.35),
    ]
    first, second = room["rule"].held_out(cases, "encoder")
    assert (first.value, str(first.rule)) == ("one", "always fresh-heads")
    assert first.regrets == [pytest.approx(0.2)]
    assert (second.value, second.regrets) == ("two", [pytest.approx(0.1)])


def test_a_second_run_is_held_against_the_committed_intervals(room):
    def results(mean):
        settings = {"encoder": "one", "size": 50}
        return {
            "conditions": [{"settings": settings, "f1": {"mean": mean, "low": 0.4, "high": 0.6}}]
        }

    compared = room["run"].compared
    assert compared(results(0.5), results(0.5)) == [
        "1 of 1 means lie within the committed intervals",
        "1 of 1 means are the same to the last digit",
    ]
    assert compared(results(0.7), results(0.5))[2] == (
        "outside: encoder=one size=50: 0.700, not 0.400 to 0.600"
    )


def test_the_page_and_its_figure_are_what_the_committed_results_say(room):
    findings = room["findings"]
    grid = findings.Grid()
    page = findings.PAGE.read_text(encoding="utf-8")
    assert findings.written(page, grid) == page, "run benchmarks/head_reuse/findings.py"
    assert findings.FIGURE.read_text(encoding="utf-8") == findings.figure(grid)
