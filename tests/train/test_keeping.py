"""Ways to lose less of what a base can do, and labels that training never sees."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from encswap.errors import InputError
from encswap.gliner.model import read_model
from encswap.train.averaging import averaged, choose_share, copy_state
from encswap.train.fit import Job, training_samples
from encswap.train.prepare import check_settings
from encswap.train.run import run
from encswap.train.samples import sampled_labels


def _samples(job: Job):
    return training_samples(job.recipe, job.documents, job.ready)


def test_a_held_out_label_is_not_shown_in_training_and_scored_at_test(job_of):
    job = job_of(epochs=1, held_out_labels=["Drug"])
    documents = job.documents
    assert "Drug" not in documents.asked.labels
    for example in (*documents.train, *documents.dev, *documents.test):
        assert all(one.label != "Drug" for one in example.gold)
    assert all("Drug" not in schema["entities"] for _, schema in _samples(job).items)
    gold = sum(one.label == "Drug" for each in documents.held_out.test for one in each.gold)
    metrics = run(job)
    assert metrics["held_out"]["micro"]["support"] == gold > 0
    assert set(metrics["held_out"]["per_label"]) == {"Drug"}
    assert "Drug" not in metrics["test"]["per_label"]
    assert metrics["baselines"]["base"]["held_out"]["micro"]["support"] == gold


def test_a_held_out_label_without_gold_in_test_is_refused(job_of):
    with pytest.raises(InputError, match="'Drugs' has no mention in the test documents"):
        job_of(held_out_labels=["Drugs"])


def test_a_document_is_asked_for_its_gold_s_labels_and_for_others_drawn_anew():
    entities = {"a": ["x"], "b": [], "c": [], "d": []}
    random.seed(0)
    drawn = [tuple(sampled_labels({"entities": entities}, 2)["entities"]) for _ in range(40)]
    assert all("a" in one and len(one) == 2 for one in drawn)
    assert {label for one in drawn for label in one} == set(entities)
    assert len({one.index("a") for one in drawn}) == 2
    none = {"entities": {label: [] for label in "abc"}}
    assert len(sampled_labels(none, 1)["entities"]) == 1
    assert sampled_labels({"classifications": []}, 2) == {"classifications": []}


def test_labels_are_drawn_alike_in_a_run_and_in_its_repetition(job_of):
    losses = [run(job_of(epochs=1, labels_per_document=2))["epochs"][0]["train_loss"]]
    assert losses[0] > 0


def write_replay(path: Path) -> str:
    record = {"text": "빨간 새 가 난다", "entities": {"Bird": ["새"], "Fish": []}}
    path.write_text((json.dumps(record, ensure_ascii=False) + "\n") * 3, encoding="utf-8")
    return str(path)


def test_replayed_documents_are_the_recipe_s_share_and_keep_their_own_labels(job_of, tmp_path):
    replay = write_replay(tmp_path / "replay.jsonl")
    job = job_of(epochs=1, replay=replay, replay_share=0.25, splitter="whitespace",
                 allow_low_coverage=True)  # fmt: skip
    items = _samples(job).items
    replayed = [schema for _, schema in items if "Bird" in schema["entities"]]
    assert len(replayed) / len(items) == pytest.approx(0.25, abs=0.03)
    assert all(set(one["entities"]) == {"Bird", "Fish"} for one in replayed)
    assert "Bird" not in job.documents.asked.labels
    assert "replay" in job.documents.checksums
    assert run(job)["test"]["micro"]["support"] > 0


def test_the_retention_set_cannot_be_replayed(job_of):
    with pytest.raises(InputError, match="retention is scored on these documents"):
        job_of(replay="retention/ko.jsonl")


def test_averaging_moves_weights_towards_the_start_and_leaves_counters(base):
    start, end = copy_state(base), {k: v + 1 for k, v in copy_state(base).items()}
    half = averaged(start, end, 0.25)
    for name, one in half.items():
        if one.is_floating_point():
            assert torch.allclose(one, start[name] + 0.75, atol=1e-5), name
        else:
            assert torch.equal(one, end[name])
    with pytest.raises(ValueError, match="not of one model"):
        averaged({}, end, 0.5)


def test_the_share_is_chosen_on_dev_and_of_equals_the_largest(base):
    import copy

    model = copy.deepcopy(base)
    start = {k: torch.zeros_like(v) for k, v in copy_state(model).items()}
    name = next(k for k, v in start.items() if v.is_floating_point() and v.dim() == 2)
    whole = float(model.state_dict()[name].abs().sum())

    def score(one):
        left = float(one.state_dict()[name].abs().sum()) / whole
        return (0.8 if left > 0.45 else 0.1), 0.4

    found = choose_share(model, start, (0.3, 0.5, 0.9), score)
    assert (found["share"], found["threshold"]) == (0.5, 0.4)
    assert [one["share"] for one in found["tried"]] == [0.0, 0.3, 0.5, 0.9]
    assert float(model.state_dict()[name].abs().sum()) / whole == pytest.approx(0.5)


def test_a_run_saves_the_averaged_model_that_dev_chose(job_of):
    job = job_of(epochs=1, average_with_start=[1.0, 0.5])
    start = copy_state(job.ready.model)
    metrics = run(job)
    found = metrics["average_with_start"]
    assert [one["share"] for one in found["tried"]] == [0.0, 0.5, 1.0]
    assert found["dev_f1"] == max(one["dev_f1"] for one in found["tried"])
    assert metrics["threshold"] == found["threshold"]
    saved = read_model(job.folder.checkpoint).state_dict()
    same = all(torch.allclose(saved[k], v, atol=1e-6) for k, v in start.items())
    assert same == (found["share"] == 1.0)


def test_adapters_are_not_averaged(job_of):
    from encswap.recipe import read_recipe

    recipe = read_recipe(overrides={"strategy": "lora", "average_with_start": 0.5, "encoder": "x"})
    with pytest.raises(InputError, match="average_with_start"):
        check_settings(recipe)
