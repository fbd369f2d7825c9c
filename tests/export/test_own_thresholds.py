"""Thresholds of single labels, as encswap.json keeps them, hold wherever the model is asked."""

from __future__ import annotations

import json

import pytest

import encswap
from encswap.evaluate.predict import Saved, predict_saved, score_saved
from encswap.evaluate.thresholds import score_at
from encswap.files import write_json
from encswap.gliner.schema import EntitySchema, with_own_thresholds
from encswap.manifest import read_manifest
from encswap.types import Prediction

NEVER = 0.999999


@pytest.fixture(scope="module")
def closed(checkpoint):
    """A checkpoint whose second label is never extracted, and the same one without."""
    return checkpoint(thresholds={"약물": NEVER}), checkpoint()


def keys(found):
    return [sorted((one.start, one.end, one.label) for one in each) for each in found]


def test_prediction_scoring_and_gliner2_itself_use_them(closed, korean, few):
    own, plain = closed
    texts = [example.text for example in korean][:4]
    before, after = (encswap.predict(one, texts) for one in (plain, own))
    labels = {one.label for found in before for one in found.entities}
    assert "약물" in labels
    wanted = [
        sorted((s.start, s.end, s.label) for s in found.entities if s.label != "약물")
        for found in before
    ]
    assert keys(found.entities for found in after) == wanted
    assert keys(found for _, found in predict_saved(own, texts)) == wanted
    scored = score_saved(own, few)
    assert scored["test"]["thresholds"] == {"약물": NEVER}
    model, names = encswap.load(own), list(read_manifest(own).labels)
    found = [model.extract_entities(text, names)["entities"] for text in texts]
    assert not any(one["약물"] for one in found) and any(any(one.values()) for one in found)
    told = model.extract_entities(texts[0], {name: f"a {name}" for name in names})
    assert not told["entities"]["약물"]
    lower = [model.extract_entities(text, names, threshold=0.05)["entities"] for text in texts]
    assert any(one["약물"] for one in lower)


def test_a_threshold_of_a_call_is_that_of_all_labels(closed, korean):
    own, plain = closed
    texts = [example.text for example in korean][:3]
    at = read_manifest(plain).threshold
    assert keys(encswap.api.open_model(own).predict(texts, threshold=at)) == keys(
        encswap.api.open_model(plain).predict(texts)
    )


@pytest.mark.slow
def test_an_export_keeps_them_and_is_proven_with_them(closed, plugins, korean, few, tmp_path):
    from encswap.export.folder import ExportOptions, export_run
    from encswap.types import Unwatched

    done = export_run(closed[0], tmp_path / "out", plugins, Unwatched(), ExportOptions(data=few))
    assert done.agreement.differing == 0
    runner = encswap.runtime.load(tmp_path / "out")
    texts = [example.text for example in korean]
    assert runner.description.thresholds == {"약물": NEVER}
    assert keys(runner.predict(texts)) == keys(Saved.read(closed[0]).predict(texts))


def test_a_manifest_of_before_has_none_and_a_wrong_one_is_refused(checkpoint, tmp_path):
    record = json.loads((checkpoint() / "encswap.json").read_text(encoding="utf-8"))
    del record["thresholds"]
    write_json(tmp_path / "encswap.json", record)
    assert read_manifest(tmp_path).thresholds == {}
    write_json(tmp_path / "encswap.json", {**record, "thresholds": {"약물": 1.5}})
    with pytest.raises(encswap.EncswapError, match="thresholds") as told:
        read_manifest(tmp_path)
    assert "\n" not in str(told.value)


def test_a_threshold_goes_beside_what_a_label_already_has():
    own = {"Drug": 0.3}
    assert with_own_thresholds("Drug", own) == {"Drug": {"threshold": 0.3}}
    assert with_own_thresholds(["Drug", "A"], own) == {"Drug": {"threshold": 0.3}, "A": {}}
    said = {"Drug": "a drug", "A": {"threshold": 0.9}}
    assert with_own_thresholds(said, own) == {
        "Drug": {"description": "a drug", "threshold": 0.3},
        "A": {"threshold": 0.9},
    }
    assert with_own_thresholds({"Drug": {"threshold": 0.8}}, own) == {"Drug": {"threshold": 0.8}}


def test_scores_count_each_label_at_its_own_threshold(korean):
    example = korean[0]
    label = example.mentions[0].label
    found = [Prediction(one.start, one.end, one.label, 0.4) for one in example.mentions]
    whole = score_at([example], [found], 0.3, None)
    assert len(score_at([example], [found], 0.3, None, {label: 0.5}).predictions[0]) < len(
        whole.predictions[0]
    )
    assert EntitySchema.of([label]).labels == (label,)
