"""A run on documents of several tasks: each is learned, scored, and read again."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from encswap.errors import InputError
from encswap.evaluate.predict import score_saved
from encswap.train.run import run

# An untrained model of two layers learns a class late, and gliner2's label dropping is on.
LONG = {"epochs": 24, "patience": 30, "overfit_patience": 30, "encoder_lr": 5e-4, "head_lr": 5e-4}
# The mini recipe's own rates.
FAST = {**LONG, "epochs": 16, "encoder_lr": 2e-3, "head_lr": 1e-3}
ALL = ("entities", "classifications", "relations", "json_structures")
DRUGS = ("메트포르민", "아스피린", "인슐린", "와파린", "리튬")
# A small untrained model learns to find a label's own word in the text before anything else.
STATES = ("심한", "가벼운", "오랜")
DISEASES = ("당뇨병", "고혈압", "폐렴", "두통", "빈혈")


def record(rng: random.Random, kinds: Sequence[str]) -> dict[str, Any]:
    drug, disease, dose = rng.choice(DRUGS), rng.choice(DISEASES), f"{rng.choice((5, 10, 25))} mg"
    state = rng.choice(STATES)
    text = (
        f"환자 는 {state} {disease} 으로 {drug} {dose} 을 받았다 "
        f"{rng.choice(('오늘', '어제', '그제'))} {rng.randrange(10_000)} ."
    )
    output = {
        "entities": {"Disease": [disease], "Drug": [drug]},
        "classifications": [
            {
                "task": "severity",
                "labels": list(STATES),
                "true_label": [state],
            }
        ],
        "relations": [{"treats": {"head": drug, "tail": disease}}],
        "json_structures": [{"rx": {"drug": drug, "dose": dose}}],
    }
    return {"input": text, "output": {kind: output[kind] for kind in kinds}}


def write(path: Path, count: int, kinds: Sequence[str] = ALL, seed: int = 0) -> str:
    rng = random.Random(seed)
    lines = [json.dumps(record(rng, kinds), ensure_ascii=False) for _ in range(count)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def settings(folder: Path, kinds: Sequence[str] = ALL, documents: int = 120, **more: Any) -> Any:
    return {
        "train": write(folder / "train.jsonl", documents, kinds),
        "test": write(folder / "test.jsonl", 24, kinds, seed=1),
        "splitter": "whitespace",
        "mask_subtokens": 0.0,
        **more,
    }


@pytest.mark.slow
def test_spans_of_all_tasks_are_learned_together_far_above_the_untrained_model(job_of, tmp_path):
    job = job_of(**FAST, select_by="mean", **settings(tmp_path, ALL, 240))
    metrics = run(job)
    before = metrics["baselines"]["before_training"]
    tasks = metrics["tasks"]
    severity = tasks["classifications"]["severity"]
    assert severity["interval"][0] <= severity["macro_f1"] <= severity["interval"][1]
    assert severity["support"] == 24
    found = {
        "entities": (before["micro"]["f1"], metrics["test"]["micro"]["f1"]),
        "classifications": (
            before["tasks"]["classifications"]["severity"]["accuracy"],
            severity["accuracy"],
        ),
        "relations": tuple(one["relations"]["micro"]["f1"] for one in (before["tasks"], tasks)),
        "structures": tuple(one["structures"]["exact"]["f1"] for one in (before["tasks"], tasks)),
    }
    print(", ".join(f"{name} {old:.3f} → {new:.3f}" for name, (old, new) in found.items()))
    # A mixed file's classes are learned late: the test below learns them by themselves.
    old, new = found.pop("classifications")
    assert new >= old
    assert all(new > old + 0.3 for old, new in found.values()), found
    assert tasks["structures"]["partial"]["f1"] >= tasks["structures"]["exact"]["f1"]
    assert set(tasks["structures"]["per_field"]) == {"rx.drug", "rx.dose"}
    again = score_saved(job.folder.path, str(tmp_path / "test.jsonl"))
    assert again["tasks"] == tasks


@pytest.mark.slow
def test_a_file_of_classifications_alone_trains_and_scores(job_of, tmp_path):
    job = job_of(**LONG, **settings(tmp_path, ("classifications",), 240))
    metrics = run(job)
    assert metrics["test"]["micro"]["support"] == 0
    found = metrics["tasks"]["classifications"]["severity"]
    before = metrics["baselines"]["before_training"]["tasks"]["classifications"]["severity"]
    assert found["accuracy"] > before["accuracy"] + 0.2
    assert max(one["dev_f1"] for one in metrics["epochs"]) > before["macro_f1"] + 0.2
    assert metrics["threshold"] == 0.5
    again = score_saved(job.folder.path, str(tmp_path / "test.jsonl"))
    assert again["tasks"]["classifications"]["severity"] == found


def test_the_epoch_is_chosen_by_the_score_that_the_recipe_names(job_of, tmp_path):
    job = job_of(epochs=1, select_by="mean", **settings(tmp_path, ALL, 16))
    assert job.documents.selects_by == ("entities", "classifications", "relations", "structures")
    metrics = run(job)
    dev = job.documents.dev
    scores = job.score_tasks(job.ready.model, dev, metrics["epochs"][0]["threshold"])
    assert set(scores) == {"classifications", "relations", "structures"}


def test_a_score_that_no_document_has_cannot_choose_the_epoch(job_of, tmp_path):
    with pytest.raises(InputError, match="select_by is relations, and the documents have class"):
        job_of(select_by="relations", **settings(tmp_path, ("classifications",), 8))


def test_a_base_without_the_heads_of_a_task_is_refused(job_of, boundary_base, tmp_path):
    import copy

    from encswap.gliner import model as gliner

    model = copy.deepcopy(boundary_base)
    model.enable_relations = False
    from encswap.gliner.extraction import refuse_missing_heads

    with pytest.raises(InputError, match="no head for relations: its boundary heads are"):
        refuse_missing_heads(model, ("classifications", "relations"), "train.jsonl")
    refuse_missing_heads(model, ("classifications", "json_structures"), "train.jsonl")
    assert gliner.architecture_of(model) == "boundary"


def test_a_boundary_base_answers_every_task(job_of, boundary_folder, tmp_path):
    job = job_of(base=boundary_folder, epochs=2, **settings(tmp_path, ALL, 16))
    metrics = run(job)
    assert metrics["epochs"][-1]["train_loss"] < metrics["epochs"][0]["train_loss"]
    assert metrics["tasks"]["classifications"]["severity"]["support"] == 24
    assert metrics["tasks"]["relations"]["micro"]["support"] == 24


def test_a_run_tells_what_its_model_could_do_before_and_eval_measures_it_again(job_of, tmp_path):
    from encswap.evaluate.retention import retention_of
    from encswap.plugins import load_plugins

    job = job_of(epochs=1, retention=True, scale="mini")
    found = run(job)["retention"]
    assert set(found["sets"]) == {"ko", "en"}
    for one in found["sets"].values():
        assert list(one["models"]) == ["base", "swapped", "tuned"]
        assert set(one["models"]["tuned"]) >= {"classifications", "relations", "structures"}
    again = retention_of(job.folder.path, load_plugins())["retention"]
    for name, one in found["sets"].items():
        for stage, scores in one["models"].items():
            assert again["sets"][name]["models"][stage] == scores, (name, stage)
    assert again["sentence"] == found["sentence"]
