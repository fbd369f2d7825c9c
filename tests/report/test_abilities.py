"""Task scores, held-out labels, retention and averaging on page, in Markdown and on the card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from encswap.report.ability_scores import ability_sections
from encswap.report.card import About, write_card
from encswap.report.markdown import write_markdown
from encswap.report.page import write_page
from encswap.report.run_results import Run, read_run
from encswap.report.texts import Texts, languages
from tests.report.conftest import CANDIDATES, PLANTED, write_run


def micro(f1: float, support: int = 9) -> dict[str, Any]:
    return {"precision": f1, "recall": f1, "f1": f1, "support": support, "interval": [0.1, 0.9]}


def tasks(shift: float = 0.0) -> dict[str, Any]:
    return {
        "classifications": {
            "severity | <i>": {
                "accuracy": 0.75 + shift,
                "accuracy_interval": [0.5, 1.0],
                "macro_f1": 0.625 + shift,
                "interval": [0.4, 0.8],
                "support": 8,
                "per_label": {},
            }
        },
        "relations": {"micro": micro(0.5), "per_relation": {"treats": micro(0.5 + shift)}},
        "structures": {
            "exact": micro(0.25),
            "partial": micro(0.35),
            "per_field": {
                "rx.drug": {"exact": micro(0.25 + shift), "partial": micro(0.35)},
                "rx.dose": {"exact": micro(0.2, support=0), "partial": micro(0.2, support=0)},
            },
        },
    }


HELD = {"threshold": 0.5, "micro": micro(0.3), "per_label": {"Gene<b>": micro(0.3125)}}
KEPT = {
    "threshold": 0.5,
    "sets": {
        "ko": {
            "documents": 24,
            "models": {
                stage: {"entities": {"micro": micro(f1)}, **tasks(-0.1)}
                for stage, f1 in (("base", 0.61), ("swapped", 0.11), ("tuned", 0.21))
            },
            "changes": {"entities": {"before": 0.61, "after": 0.21, "change": -0.4}},
        },
        "/home/someone/<own>.jsonl": {
            "documents": 3,
            "models": {"base": {"entities": {"micro": micro(0.5)}}},
            "changes": {},
        },
    },
    "sentence": "what the program itself says",
}
AVERAGE = {
    "share": 0.3,
    "dev_f1": 0.5,
    "threshold": 0.4,
    "tried": [
        {"share": 0.0, "dev_f1": 0.48, "threshold": 0.4},
        {"share": 0.3, "dev_f1": 0.5, "threshold": 0.4},
    ],
}
ALL = {
    "tasks": tasks(),
    "held_out": HELD,
    "retention": KEPT,
    "average_with_start": AVERAGE,
    "baselines": {"before_training": None, "base": None},
}


def run_with(folder: Path, **changes: Any) -> Run:
    run = read_run(write_run(folder / "run", [PLANTED], [CANDIDATES]))
    test = run.metrics["test"]
    before = {"base": {**test, "tasks": tasks(-0.2), "held_out": HELD}, "before_training": test}
    return replace(run, metrics={**run.metrics, "baselines": before, **changes})


@pytest.mark.parametrize("language", languages())
def test_each_section_stands_on_the_page_with_its_numbers_and_no_markup(tmp_path, language):
    given = {key: ALL[key] for key in ("tasks", "held_out", "retention", "average_with_start")}
    page = write_page(run_with(tmp_path, **given), Texts.read(language))
    for name in ("tasks", "held_out", "retention", "average"):
        assert f'<section id="{name}">' in page
    for words in (
        *("0.750 (0.500–1.000)", "0.625 (0.400–0.800)", "0.550 (0.500–1.000)", "Gene&lt;b&gt;"),
        *("0.312 (0.100–0.900)", "0.610 → 0.210", "&lt;own&gt;.jsonl", "30%", "0.480"),
    ):
        assert words in page, words
    assert "<i>" not in page and "Gene<b>" not in page and "/home/someone" not in page


def test_markdown_and_card_hold_the_same_escaped(tmp_path):
    given = {key: ALL[key] for key in ("tasks", "held_out", "retention", "average_with_start")}
    run = run_with(tmp_path, **given)
    card = write_card(replace(run, record={"labels": ["Drug"]}), About("me/model"))
    for text in (write_markdown(run, Texts.read("en")), card):
        assert "severity \\| \\<i\\>" in text and "| 0.750 (0.500–1.000) |" in text
        assert "From the base to this model these scores fell: entity F1 (ko) 0.610 → 0.210" in text


def test_a_run_without_them_has_no_such_section(tmp_path):
    run = run_with(tmp_path)
    assert ability_sections(run, Texts.read("en")) == []
    page, text = write_page(run, Texts.read("en")), write_markdown(run, Texts.read("en"))
    for name in ("tasks", "held_out", "retention", "average"):
        assert f'id="{name}"' not in page
    assert "What it could do before" not in text


def test_a_score_without_gold_is_not_measured_and_a_gain_is_no_loss(tmp_path):
    gained = {**KEPT, "sets": {"ko": {**KEPT["sets"]["ko"], "changes": {
        "entities": {"before": 0.2, "after": 0.3, "change": 0.1}}}}}  # fmt: skip
    run = run_with(tmp_path, tasks=tasks(), retention=gained)
    texts = Texts.read("en")
    shown, kept = ability_sections(run, texts)
    assert next(row[:4] for row in shown.rows if row[0] == "rx.dose") == [
        "rx.dose",
        "exact F1",
        "–",
        "0",
    ]
    assert kept.lines[0] == "No score of this model is below that of the base."


def test_an_average_that_helped_nothing_says_so(tmp_path):
    run = run_with(tmp_path, average_with_start={**AVERAGE, "share": 0.0})
    (found,) = ability_sections(run, Texts.read("en"))
    assert "none is kept" in found.lines[0]


@pytest.mark.parametrize(
    "broken",
    [
        {"tasks": {"classifications": [1], "relations": {"per_relation": 3}, "structures": None}},
        {"retention": {"sets": {"ko": {"models": {"tuned": {"entities": []}}, "changes": 4}}}},
        {"held_out": {"per_label": "none"}},
        {"average_with_start": {"share": "much", "tried": [{}]}},
        {"average_with_start": {"share": 0.1, "tried": [3, {"share": None}]}},
    ],
)
def test_what_another_program_wrote_otherwise_does_not_break_the_page(tmp_path, broken):
    run = run_with(tmp_path, **broken)
    write_page(run, Texts.read("en"))
    write_markdown(run, Texts.read("en"))


def test_a_page_without_texts_keeps_the_sections_and_no_text(tmp_path):
    run = run_with(tmp_path, tasks=tasks(), retention=KEPT)
    page = write_page(run, Texts.read("en"), redact=True)
    assert '<section id="retention">' in page and "0.750 (0.500–1.000)" in page
    assert PLANTED.text not in page
