"""Results: conditions, paired strategies, tables and the figure, from cells given by hand."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from encswap.experiment.results import (
    TEST,
    condition_table,
    conditions_of,
    draw,
    failure_table,
    markdown_of,
    pair_table,
    pairs_of,
)


def row(strategy, size, seed, f1, encoder="one", failure=None):
    settings = {"encoder": encoder, "strategy": strategy, "size": size, "seed": seed}
    told = {"name": f"{encoder}-{strategy}-{size}-{seed}", "settings": settings, "failure": failure}
    if failure is None:
        told |= {"f1": f1, "per_label": {"Drug": f1}, "before_training": 0.0}
    return told


@pytest.fixture
def results():
    rows = [
        row(strategy, size, seed, 0.4 + (gain + seed**2 / 1e4) * (strategy == "surgical"), encoder)
        for encoder, gain in (("one", 0.1), ("two|2", 0.0))
        for strategy in ("surgical", "scratch")
        for size in (50, "all")
        for seed in (1, 2, 3)
    ]
    rows.append(row("surgical", 50, 4, None, failure="out of memory"))
    told = {"encswap": "1", "plan": "heads", "part": None, "test": TEST, "cells": rows}
    return {**told, "conditions": list(conditions_of(rows)), "pairs": pairs_of(rows)}


def test_seeds_are_a_mean_and_failures_are_counted(results):
    first = results["conditions"][0]
    assert first["settings"] == {"encoder": "one", "strategy": "surgical", "size": 50}
    assert first["seeds"] == [1, 2, 3] and first["failed"] == 1
    assert first["f1"]["mean"] == pytest.approx(0.5005, abs=1e-4)
    assert first["f1"]["low"] < 0.5 < first["f1"]["high"]
    assert len(results["conditions"]) == 8


def test_strategies_are_compared_on_the_seeds_that_both_have(results):
    first = results["pairs"][0]
    assert (first["first"], first["second"], first["seeds"]) == ("surgical", "scratch", [1, 2, 3])
    assert first["mean"] == pytest.approx(-0.1, abs=1e-3)
    assert first["p"] < first["p_adjusted"] < 0.01
    assert results["pairs"][-1]["mean"] == pytest.approx(0.0, abs=1e-3)


def test_tables_name_what_varies_and_what_failed(results):
    assert condition_table(results)[0][:4] == ["encoder", "strategy", "size", "seeds"]
    assert condition_table(results)[1][3:5] == ["3 (1 failed)", "0.500"]
    assert pair_table(results)[1][2:5] == ["surgical → scratch", "3", "-0.100"]
    assert failure_table(results)[1] == ["one-surgical-50-4", "out of memory"]
    text = markdown_of(results)
    assert "two\\|2" in text and "results.svg" in text and TEST in text


def test_the_figure_has_a_panel_per_encoder_and_a_line_per_strategy(results):
    drawing = ET.fromstring(draw(results["conditions"], 696))
    texts = [one.text for one in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"one", "two|2", "surgical", "scratch", "50", "696"} <= set(texts)
    lines = list(drawing.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(lines) == 2 + 4  # the legend, then two lines in each of two panels


def test_a_setting_that_the_size_decides_makes_no_panel(results):
    for one in results["conditions"]:
        one["settings"]["epochs"] = 12 if one["settings"]["size"] == 50 else 3
    drawing = ET.fromstring(draw(results["conditions"], 696))
    texts = [one.text for one in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"one", "two|2"} <= set(texts)
    assert not [text for text in texts if "epochs" in text]


def test_the_figure_of_one_size_or_of_nothing_is_drawn():
    one = [row("surgical", "all", 1, 0.5)]
    assert "<circle" in draw(list(conditions_of(one)), 24)
    nothing = [row("surgical", "all", 1, None, failure="it fell")]
    assert ET.fromstring(draw(list(conditions_of(nothing)), 24)) is not None
    assert pairs_of(nothing) == []


def test_strategy_keep_is_compared_with_each_encoder_s_swap():
    def row(encoder, strategy, seed, f1):
        settings = {"encoder": encoder, "strategy": strategy, "size": "all", "seed": seed}
        return {"name": "", "settings": settings, "failure": None, "f1": f1}

    scores = (0.5, 0.6)
    rows = [row("one", "surgical", n, f1) for n, f1 in enumerate(scores)]
    rows += [row("two", "surgical", n, f1 - 0.1) for n, f1 in enumerate(scores)]
    rows += [row("base", "keep", n, 0.3) for n in range(2)]
    found = pairs_of(rows)
    assert [(one["settings"]["encoder"], one["second"]) for one in found] == [
        ("one", "keep"),
        ("two", "keep"),
    ]
    assert [round(one["mean"], 3) for one in found] == [-0.25, -0.15]
