"""Rivals of a run on page, in Markdown and on the card; whatever they record or lack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from encswap.report.card import About, write_card
from encswap.report.markdown import write_markdown
from encswap.report.page import write_page
from encswap.report.rival_scores import rivals_of
from encswap.report.run_results import Run, read_run
from encswap.report.texts import Texts
from tests.report.conftest import CANDIDATES, PLANTED, write_run

MICRO = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 6, "interval": [0.25, 0.75]}
RIVALS: dict[str, Any] = {
    "tagger": {
        "micro": MICRO,
        "difference": {"f1": 0.0312, "interval": [0.0104, 0.0521]},
        "verdict": "better than the tagger by 0.03 (0.01 to 0.05)",
        "can": "a tagger has no schema | at all",
        "cost": {
            "parameters": 110_000_000,
            "training_seconds": 321.0,
            "peak_memory_bytes": 3 * 2**30,
            "documents_per_second": 88.25,
        },
    },
    "<b>multi": {"error": "cannot be loaded: it is not in the cache"},
}


def run_with(tmp_path: Path, rivals: Any) -> Run:
    return read_run(write_run(tmp_path / "run", [PLANTED], [CANDIDATES], rivals=rivals))


def test_score_difference_verdict_and_cost_stand_on_the_page(tmp_path: Path):
    page = write_page(run_with(tmp_path, RIVALS), Texts.read("en"))
    for words in (
        *("0.500 (0.250–0.750)", "+0.031 (+0.010 … +0.052)", "better than the tagger by 0.03"),
        *("a tagger has no schema | at all", "110.0 M", "5.3 min", "3.0 GiB", "88.2 documents/s"),
        *("&lt;b&gt;multi", "cannot be loaded: it is not in the cache"),
    ):
        assert words in page, words
    assert "<b>multi" not in page


def test_markdown_and_card_hold_them_escaped(tmp_path: Path):
    run = run_with(tmp_path, RIVALS)
    card = write_card(replace(run, record={"labels": ["Drug"]}), About("me/model"))
    for text in (write_markdown(run, Texts.read("en")), card):
        assert "| tagger | 0.500 (0.250–0.750) |" in text
        assert "no schema \\| at all" in text and "- \\<b\\>multi: cannot be loaded" in text


@pytest.mark.parametrize("rivals", [None, {}])
def test_a_run_without_rivals_has_no_such_section(tmp_path: Path, rivals: Any):
    run = run_with(tmp_path, rivals)
    assert 'id="rivals"' not in write_page(run, Texts.read("en"))
    assert "Rivals" not in write_markdown(run, Texts.read("en"))


@pytest.mark.parametrize(
    "odd",
    [
        *({}, {"micro": None}, {"micro": {"f1": "high"}}, {"difference": {"mean": True}}),
        *({"micro": {"f1": 0.5, "interval": [0.1]}}, {"cost": [], "verdict": None}, "failed"),
    ],
)
def test_what_a_rival_does_not_record_is_left_open(tmp_path: Path, odd: Any):
    run = run_with(tmp_path, {"tagger": odd})
    (rival,) = rivals_of(run)
    assert rival.interval is None and rival.difference is None
    assert "tagger" in write_page(run, Texts.read("en"))
