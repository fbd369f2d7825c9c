"""Alignment `distill`: the base teaches the encoder on texts that both read."""

from __future__ import annotations

import json

import pytest
import torch

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.errors import InputError
from encswap.gliner import model as gliner
from encswap.train.alignment import align_encoder, examples_to_align
from encswap.train.distillation import _rate, lesson_of

BATCH = [("The patient was given insulin.", ("Drug",)), ("He has asthma.", ("Disease", "Drug"))]


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "english.txt"
    lines = [one.text for one in read_examples(find_data("en-medical/train.jsonl"))[:8]]
    path.write_text("\n".join([lines[0], "", *lines[1:]]) + "\n", encoding="utf-8")
    return path


def taught(job, **settings):
    recipe = job.recipe.model_copy(
        update={"alignment": "distill", "alignment_batch": 4, "alignment_lr": 1e-3, **settings}
    )
    (remark,) = align_encoder(
        recipe, job.ready.model, job.ready.base, job.documents.train, job.documents.asked
    )
    return remark


def numbers(remark, after):
    first, last = remark.split(after)[1].split(";")[0].split(",")[:2]
    return float(first.split()[0]), float(last.split()[0])


def test_the_encoder_comes_nearer_to_the_base_in_vectors_and_scores(job_of, texts):
    job = job_of()
    before = gliner.head_weights(job.ready.model)
    remark = taught(job, alignment_texts=str(texts), alignment_steps=40)
    assert "on 8 texts for 40 steps" in remark
    first, last = numbers(remark, "difference ")
    assert last < 0.9 * first
    first, last = numbers(remark, "span scores by text ")
    assert last < first
    assert all(one.equal(before[n]) for n, one in gliner.head_weights(job.ready.model).items())


def test_the_base_and_rows_that_no_text_uses_stay_as_they_are(job_of, texts):
    job = job_of()
    model, base = job.ready.model, job.ready.base
    theirs = {name: one.clone() for name, one in base.state_dict().items()}
    rows = model.encoder.get_input_embeddings().weight.detach().clone()
    own = model.processor.word_splitter
    taught(job, alignment_texts=str(texts), alignment_steps=3)
    assert all(one.equal(theirs[name]) for name, one in base.state_dict().items())
    table = model.encoder.get_input_embeddings().weight
    changed = (table != rows).any(dim=1)
    assert table.shape == rows.shape and 0 < int(changed.sum()) < len(rows) / 2
    assert model.processor.word_splitter is own and model.training
    assert all(one.grad is None for one in model.parameters())


def test_the_same_seed_teaches_the_same(job_of, texts):
    job = job_of()
    start = {name: one.clone() for name, one in job.ready.model.state_dict().items()}
    remarks = []
    for seed in (1, 1, 2):
        job.ready.model.load_state_dict(start)
        remarks.append(taught(job, alignment_texts=str(texts), alignment_steps=3, seed=seed))
    assert remarks[0] == remarks[1] != remarks[2]


def test_a_boundary_head_is_taught_vectors_alone(job_of, boundary_folder, texts):
    job = job_of(base=boundary_folder)
    remark = taught(job, alignment_texts=str(texts), alignment_steps=4)
    assert "mean squared difference" in remark and "span scores" not in remark


def test_a_model_agrees_with_itself(base):
    base.eval()
    with torch.no_grad():
        one, two = (lesson_of(base, BATCH, scored=True) for _ in range(2))
    assert one.units.equal(two.units) and one.labels.shape[0] == 5  # two parents, three labels
    assert [found.shape[0] for found in one.scores] == [1, 2]


def test_the_rate_warms_up_and_falls_to_nothing():
    rates = [_rate(step, 100, 0.1) for step in range(101)]
    assert rates[9] == 1.0 and rates[100] == 0.0
    assert rates[:10] == sorted(rates[:10]) and rates[9:] == sorted(rates[9:], reverse=True)


def test_texts_are_those_of_the_file_or_the_first_documents(job_of, texts, tmp_path):
    job = job_of()
    recipe, train = job.recipe, job.documents.train

    def chosen(value):
        return examples_to_align(recipe.model_copy(update={"alignment_texts": value}), train)

    assert chosen(3) == list(train[:3])
    assert [one.line for one in chosen(str(texts))] == [1, 3, 4, 5, 6, 7, 8, 9]
    assert chosen("en-medical/train.jsonl")[0].mentions
    single = tmp_path / "one.txt"
    single.write_text("One text.\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"one.txt: holds 1 texts, alignment needs 2"):
        chosen(str(single))
    single.write_bytes("한국어".encode("cp949"))
    with pytest.raises(InputError, match=r"one.txt:1: not UTF-8"):
        chosen(str(single))
    with pytest.raises(InputError, match="no such file"):
        chosen("nowhere.txt")


def test_maps_take_texts_of_a_file_too(job_of, texts):
    job = job_of(alignment="ridge", alignment_texts=str(texts))
    assert any("ridge" in one for one in job.ready.remarks)
    json.dumps(job.recipe.model_dump(mode="json"))
