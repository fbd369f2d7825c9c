"""Runs beside each other: settings that differ, curves, and documents that only one found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from encswap.report.comparison import compare_runs, differing_settings, found_and_missed
from encswap.report.comparison_page import write_compared
from encswap.report.run_results import Run, read_run
from encswap.report.texts import Texts
from encswap.types import Prediction
from tests.report.conftest import CANDIDATES, PLANTED, found, write_run
from tests.report.test_page import read


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """Two runs on three documents: the second finds one more mention and loses another."""
    examples = [replace(PLANTED, id=name) for name in ("one", "two", "three")]
    fewer = [one for one in CANDIDATES if one.label != "Disease"]
    more = [*fewer, found("위내시경", "Procedure", 0.9)]
    first = write_run(tmp_path / "first", examples, [CANDIDATES] * 3)
    second = write_run(tmp_path / "second", examples, [CANDIDATES, more, more])
    for folder, epochs in ((first, 3), (second, 5)):
        manifest = json.loads((folder / "encswap.json").read_text())
        recipe = {"epochs": epochs, "seed": 42, "train": f"/somewhere/{folder.name}.jsonl"}
        data = {"train": folder.name * 8}
        (folder / "encswap.json").write_text(
            json.dumps({**manifest, "recipe": recipe, "data": data})
        )
    return [read_run(first), read_run(second)]


def test_only_settings_that_differ_are_listed_and_no_path(runs: list[Run]):
    rows = differing_settings(runs)
    assert ["epochs", "3", "5"] in rows
    names = [row[0] for row in rows]
    assert "seed" not in names and "train" not in names and "data.train" in names
    assert "/somewhere" not in write_compared(runs, compare_runs(runs), Texts.read("en"))


def test_documents_that_one_found_and_the_other_missed(runs: list[Run]):
    differing = found_and_missed(*runs)
    assert [one.name for one in differing] == ["two", "three"]
    assert [mention.text for mention in differing[0].first] == ["당뇨병"]
    assert [mention.text for mention in differing[0].second] == ["위내시경"]


def test_runs_that_found_the_same_differ_in_no_document(runs: list[Run]):
    assert found_and_missed(runs[0], runs[0]) == []
    texts = Texts.read("en")
    page = write_compared([runs[0]] * 2, compare_runs([runs[0]] * 2), texts)
    assert texts("none_differs") in page and texts("settings_same") in page


def test_the_page_shows_curves_intervals_and_what_only_one_found(runs: list[Run]):
    texts = Texts.read("en")
    reader = read(write_compared(runs, compare_runs(runs), texts))
    words = " ".join(reader.words)
    low, high = runs[0].metrics["test"]["per_label"]["Disease"]["interval"]
    assert f"({low:.3f}–{high:.3f})" in words
    assert "Only second found" in words and "“위내시경” Procedure" in words
    figures = [a["aria-label"] for tag, a in reader.tags if tag == "svg"]
    assert figures.count(texts("curves_figure")) == 2  # wide and narrow


def test_many_documents_that_differ_are_counted(tmp_path: Path):
    examples = [replace(PLANTED, id=str(n)) for n in range(40)]
    spans: list[list[Prediction]] = [[], CANDIDATES]
    folders = [write_run(tmp_path / str(n), examples, [one] * 40) for n, one in enumerate(spans)]
    runs = [read_run(folder) for folder in folders]
    assert "15 further documents differ." in write_compared(
        runs, compare_runs(runs), Texts.read("en")
    )


def test_a_run_stands_beside_its_own_tagger_with_the_tagger_s_settings(runs: list[Run], tmp_path):
    folder = tmp_path / "second"
    own = json.loads((folder / "encswap.json").read_text())
    record = {
        "encswap": "0.1.0",
        "rival": "tagger",
        "encoder": own["encoder"],
        "splitter": "kiwi",
        "labels": own["labels"],
        "versions": {},
        "data": own["data"],
        "recipe": {"learning_rate": 5e-5, "words": "subtokens", "seed": 42},
    }
    (folder / "encswap.json").unlink()
    (folder / "rival.json").write_text(json.dumps(record))
    metrics = json.loads((folder / "metrics.json").read_text()) | {"strategy": "tagger"}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    rows = differing_settings([runs[0], read_run(folder)])
    assert ["learning_rate", "–", "5e-05"] in rows and ["words", "–", "subtokens"] in rows
    assert ["strategy", "surgical", "tagger"] in rows
    # A tagger has no epochs of its own: that is no difference.
    assert not {"seed", "epochs"} & {row[0] for row in rows}
