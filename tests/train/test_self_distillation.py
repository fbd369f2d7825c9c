"""A teacher beside training: what it is asked, what it costs, and that it keeps what was there."""

from __future__ import annotations

import dataclasses
import json
import random

import pytest
import torch

from encswap.errors import InputError
from encswap.train.fit import shrink_table, teacher_of, training_samples
from encswap.train.run import run
from encswap.train.run_folder import RunFolder
from encswap.types import Unwatched, labels_of

QUICK = {"splitter": "whitespace", "batch_size": 4, "allow_low_coverage": True}


@pytest.fixture
def job_of(job_of):
    """The shared one, with words that need no analyser."""
    return lambda **settings: job_of(**{**QUICK, **settings})


def ready_teacher(job):
    samples = training_samples(job.recipe, job.documents, job.ready)
    shrink_table(job.recipe, job.documents, job.ready, samples)
    return teacher_of(job.recipe, job.documents, job.ready)


def test_a_teacher_has_nothing_to_say_to_the_model_that_it_is_a_copy_of(job_of):
    job = job_of(distill_start=0.5)
    teacher, model = ready_teacher(job), job.ready.model.eval()
    assert float(teacher.loss(model, "one", 4).detach()) == pytest.approx(0.0, abs=1e-4)
    with torch.no_grad():
        for one in (*model.classifier.parameters(), *model.span_rep.parameters()):
            one.add_(torch.randn(one.shape, generator=torch.Generator().manual_seed(0)))
    loss = teacher.loss(model, "one", 4)
    assert float(loss.detach()) > 0.01
    loss.backward()
    assert model.encoder.embeddings.word_embeddings.weight.grad is not None
    assert all(one.grad is None for one in teacher.model.parameters())


def test_what_a_teacher_is_asked_depends_on_the_samples_alone(job_of):
    job = job_of(distill_start=0.5)
    teacher = ready_teacher(job)
    draws = [
        [teacher.questions.draw(random.Random(name), teacher.texts) for _ in range(5)]
        for name in ("a", "a", "b")
    ]
    assert draws[0] == draws[1] != draws[2]


def test_the_shipped_labels_and_tasks_are_asked_and_no_label_that_is_trained_or_held_out(job_of):
    job = job_of(distill_start=0.5, held_out_labels="Biomarker", distill_labels=())
    asked = job.documents.questions
    assert {"person", "사람"} <= set(asked.labels)
    assert not {*labels_of(job.documents.train), "Biomarker"} & set(asked.labels)
    kinds = {kind for one in asked.tasks for kind in one}
    assert {"classifications", "relations", "json_structures"} <= kinds
    assert "true_label" not in json.dumps(asked.tasks)


def test_labels_and_texts_may_be_the_users_own_and_texts_are_in_the_manifest(job_of, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("서울에서 만났다 .\n\n부산으로 갔다 .\n", encoding="utf-8")
    job = job_of(distill_start=1.0, distill_texts=str(texts), distill_labels=["도시", "Disease"])
    assert job.documents.questions.labels == ("도시",)
    assert job.documents.questions.tasks == ()
    assert len(ready_teacher(job).texts) == 2
    assert "distill" in job.documents.checksums


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"distill_labels": ["Disease", "Drug"]}, "every label is trained or held out"),
        ({"distill_texts": "missing.txt"}, "missing.txt"),
        ({"distill_labels": ["missing.jsonl"]}, "missing.jsonl"),
    ],
)
def test_a_teacher_that_cannot_be_asked_is_refused_before_a_model_is_read(job_of, settings, told):
    with pytest.raises(InputError, match=told):
        job_of(distill_start=0.5, **settings)


@pytest.mark.parametrize("name", ["distill_texts", "distill_labels"])
def test_a_teacher_s_texts_or_labels_without_its_weight_are_refused(name):
    from encswap.recipe import read_recipe
    from encswap.train.prepare import check_settings

    given = {"encoder": "koelectra", name: "some.jsonl"}
    check_settings(read_recipe(overrides={**given, "distill_start": 0.5}))
    with pytest.raises(InputError, match=f"{name} is given, and distill_start is 0"):
        check_settings(read_recipe(overrides=given))


@pytest.mark.parametrize("source", ["start", "base"])
def test_a_teacher_adds_to_the_loss_and_two_runs_with_it_are_the_same(job_of, tmp_path, source):
    def loss(weight: float, name: str) -> float:
        job = job_of(epochs=1, distill_start=weight, distill_from=source)
        found = run(job)["epochs"][0]["train_loss"]
        job.folder.path.rename(tmp_path / name)
        return found

    taught, again, plain = loss(0.5, "one"), loss(0.5, "two"), loss(0.0, "three")
    assert taught == again
    # The copy is equal at first, and moves away within the epoch; the base differs from the start.
    assert taught != plain
    assert source == "start" or taught > plain


def test_a_boundary_base_has_a_teacher_for_the_starts_and_ends_of_entities(job_of, boundary_folder):
    job = job_of(base=boundary_folder, epochs=1, distill_start=1.0)
    teacher, model = ready_teacher(job), job.ready.model.eval()
    assert float(teacher.loss(model, "one", 2).detach()) == pytest.approx(0.0, abs=1e-3)
    assert run(job)["epochs"][0]["train_loss"] > 0


def test_a_killed_run_with_a_teacher_goes_on_to_the_same_weights(job_of, tmp_path):
    from safetensors.torch import load_file

    class Killed(Exception):
        """The process dies here."""

    def weights(folder):
        return load_file(folder / "checkpoint" / "model.safetensors")

    given = {"epochs": 2, "distill_start": 1.0, "patience": 9, "report_to": "none"}
    whole = job_of(**given)
    run(whole)
    moved = whole.folder.path.rename(tmp_path / "whole")

    job = job_of(**given)

    class Dying(Unwatched):
        def step(self, done, total, loss):
            if done > total // 2:
                raise Killed

    with pytest.raises(Killed):
        run(dataclasses.replace(job, watcher=Dying()))
    path = job.folder.path.rename(tmp_path / "left")
    again = job_of(**given)  # the swap is made anew, as a new process makes it
    run(dataclasses.replace(again, folder=RunFolder.resume(path)))
    ours, theirs = weights(path), weights(moved)
    assert all(ours[name].equal(theirs[name]) for name in theirs)
