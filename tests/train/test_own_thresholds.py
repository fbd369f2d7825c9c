"""A run chooses thresholds of labels on dev, and keeps what it shows a gain of."""

from __future__ import annotations

import json

import pytest

from encswap.evaluate.intervals import Difference
from encswap.evaluate.label_thresholds import LabelThresholds
from encswap.evaluate.predict import score_saved
from encswap.manifest import read_manifest
from encswap.train import run as runs


@pytest.fixture
def shown(monkeypatch):
    """Let dev show a gain for a threshold that nothing reaches."""
    found = LabelThresholds(
        {"Disease": 0.9999}, True, 50, 5, 0.1, 0.2, Difference(0.1, 0.05, 0.15, 0.95)
    )
    monkeypatch.setattr(runs, "choose_by_label", lambda *_: found)
    return found


def test_what_dev_shows_is_used_on_test_kept_in_both_manifests_and_told(shown, job_of, files):
    job = job_of(epochs=1)
    metrics = runs.run(job)
    kept = {"Disease": 0.9999}
    assert metrics["label_thresholds"]["kept"] and metrics["label_thresholds"]["chosen"] == kept
    assert metrics["test"]["thresholds"] == metrics["dev"]["thresholds"] == kept
    folders = (job.folder.path, job.folder.path / "checkpoint")
    assert [read_manifest(one).thresholds for one in folders] == [kept, kept]
    assert any("thresholds of their own: Disease" in one for one in metrics["remarks"])
    lines = (job.folder.path / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    spans = [span for line in lines for span in json.loads(line)["predictions"]]
    assert not [span for span in spans if span["label"] == "Disease"]
    again = score_saved(job.folder.path, files["test"])
    assert again["test"] == metrics["test"]


@pytest.mark.parametrize("settings", [{"label_thresholds": "never"}, {"protocol": "plan"}])
def test_none_are_chosen_where_the_recipe_says_so_or_dev_is_test(shown, job_of, settings):
    job = job_of(epochs=1, **settings)
    metrics = runs.run(job)
    assert "label_thresholds" not in metrics and "thresholds" not in metrics["test"]
    assert read_manifest(job.folder.path).thresholds == {}


def test_few_dev_documents_leave_one_threshold_and_say_what_was_tried(job_of):
    job = job_of(epochs=1)
    metrics = runs.run(job)
    assert metrics["label_thresholds"]["kept"] is False
    assert read_manifest(job.folder.path).thresholds == {}
