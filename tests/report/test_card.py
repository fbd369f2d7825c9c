"""The card of a model: facts of the run, and metadata that the hub's own client reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from encswap.report.card import About, write_card
from encswap.report.run_results import Run, read_scores

COMMIT = "a" * 40
RECORD: dict[str, Any] = {
    "base": {"name": "b", "identifier": "someone/base", "revision": COMMIT},
    "encoder": {"name": "e", "identifier": "other/encoder", "revision": COMMIT},
    "splitter": {"name": "kiwi", "versions": {"kiwipiepy": "0.24.1"}},
    "max_width": 12,
    "labels": ["Disease", "Drug"],
    "descriptions": {"Drug": "a substance | by name"},
    "data": {"test": "1" * 64},
    "recipe": {"scale": "full", "epochs": 15},
    "remarks": ["resumed although changed: data"],
}
ABOUT = About(
    "me/model", {"encoder": "apache-2.0 (recorded)"}, {"test": "mine.jsonl"}, languages=("xx",)
)


@pytest.fixture
def run(planted: Path) -> Run:
    return replace(read_scores(planted), record=RECORD)


def metadata(card: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(card.split("---\n")[1])
    return found


def test_the_card_tells_what_was_swapped_and_how_to_load_it(run: Run):
    card = write_card(run, ABOUT)
    assert f"`someone/base` at `{COMMIT}`" in card and f"`other/encoder` at `{COMMIT}`" in card
    assert "encswap.load('me/model')" in card and 'pip install "encswap[korean]"' in card
    assert "comes back with its default words" in card
    assert "resumed although changed" in card and "epochs: 15" in card
    assert "- Drug: a substance \\| by name" in card


def test_the_card_shows_scores_with_intervals_beside_what_they_stand_beside(run: Run):
    card = write_card(run, ABOUT)
    test = run.metrics["test"]["micro"]
    low, high = test["interval"]
    assert f"| This model | {test['f1']:.3f} | {low:.3f}–{high:.3f} |" in card
    for name in ("Dictionary", "The base before", "The swapped model before", "Ceiling"):
        assert f"\n| {name}" in card
    assert "0.99 missed" in card and "chosen on dev documents" in card


def test_a_score_that_was_chosen_on_test_says_so(run: Run):
    run = replace(run, metrics={**run.metrics, "protocol": "plan"})
    assert "these scores are too kind" in write_card(run, ABOUT)


def test_what_is_not_known_is_said_and_not_made_up(run: Run):
    card = write_card(run, About("me/model"))
    assert "- base: not recorded" in card and "none was named" in card
    assert not {"license", "language"} & set(metadata(card))


def test_gliner2_s_own_words_need_no_warning(run: Run):
    record = {**RECORD, "splitter": {"name": "whitespace"}}
    assert "default words**" not in write_card(replace(run, record=record), ABOUT)


def test_the_hub_s_client_reads_the_metadata(run: Run):
    from huggingface_hub import ModelCard

    data = ModelCard(write_card(run, ABOUT)).data
    assert data.base_model == ["someone/base", "other/encoder"]
    assert data.library_name == "gliner2" and data.language == ["xx"]
    f1 = next(one for one in data.eval_results if one.metric_type == "f1")
    assert f1.metric_value == round(run.metrics["test"]["micro"]["f1"], 4)
    assert f1.dataset_name == "mine.jsonl"


def test_a_model_of_no_hub_names_no_base_model_and_a_mini_one_says_what_it_is(run: Run):
    local = {"name": "e", "identifier": "mini/e", "revision": None}
    record = {**RECORD, "base": local, "encoder": local, "recipe": {"scale": "mini"}}
    card = write_card(replace(run, record=record), ABOUT)
    assert "base_model" not in metadata(card)
    assert "> **A mini model**" in card
