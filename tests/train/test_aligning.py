"""Alignment brings the encoder to the base's word vectors, and says so."""

from __future__ import annotations

import pytest
import torch

from encswap.errors import InputError, SwapError
from encswap.gliner import model as gliner
from encswap.gliner import scoring as heads
from encswap.train.alignment import align_encoder
from encswap.train.provenance import manifest_of

TEXT = "The patient was given insulin."
STEPS = 6


class Steps:
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def remark(self, text): ...

    def stage(self, name):
        self.told.append(name)

    def step(self, done, total, loss):
        self.told.append((done, total))


@pytest.mark.parametrize("method", ["ridge", "procrustes"])
def test_a_map_changes_heads_not_the_encoder_and_is_recorded(job_of, plugins, method, tmp_path):
    job = job_of(alignment=method, alignment_texts=12)
    kept, model = gliner.head_weights(job.ready.base), job.ready.model
    changed = {n for n, tensor in gliner.head_weights(model).items() if not tensor.equal(kept[n])}
    assert {"classifier.0.weight", "count_pred.0.weight"} <= changed
    assert all(name.split(".")[0] != "encoder" for name in changed)
    (remark,) = manifest_of(job.recipe, job.documents, job.ready, plugins).remarks
    assert method in remark
    gliner.save_model(model, tmp_path / "saved")
    again = gliner.read_model(tmp_path / "saved", splitter=job.ready.splitter)
    ours, theirs = (heads.entity_logits(one, TEXT, ("Drug",)) for one in (model, again))
    assert torch.allclose(ours, theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("which", ["base", "boundary"])
def test_the_phase_trains_the_encoder_towards_the_base(job_of, boundary_folder, which):
    job = job_of(base=boundary_folder if which == "boundary" else None)
    recipe = job.recipe.model_copy(
        update={"alignment": "phase", "alignment_steps": STEPS, "encoder_lr": 1e-3}
    )
    model, watcher = job.ready.model, Steps()
    before = gliner.head_weights(model)
    examples, asked = job.documents.train[:6], job.documents.asked
    (remark,) = align_encoder(recipe, model, job.ready.base, examples, asked, watcher=watcher)
    assert watcher.told == ["align", *((n + 1, STEPS) for n in range(STEPS))]
    first, last = (
        float(part.split()[0]) for part in remark.split("difference ")[1].split("first, ")
    )
    assert last < first
    assert all(tensor.equal(before[n]) for n, tensor in gliner.head_weights(model).items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_phase_repeats_itself(job_of):
    job = job_of()
    recipe = job.recipe.model_copy(update={"alignment": "phase", "alignment_steps": 2})
    start = {name: tensor.clone() for name, tensor in job.ready.model.state_dict().items()}
    remarks = []
    for _ in range(2):
        job.ready.model.load_state_dict(start)
        documents = job.documents
        remarks.append(
            align_encoder(
                recipe, job.ready.model, job.ready.base, documents.train[:4], documents.asked
            )
        )
    assert remarks[0] == remarks[1]


def test_without_kept_heads_alignment_is_refused(job_of):
    with pytest.raises(InputError, match="alignment ridge needs kept heads"):
        job_of(alignment="ridge", strategy="fresh-heads")


def test_a_boundary_head_is_told_of_the_phase(job_of, boundary_folder):
    with pytest.raises(SwapError, match="choose alignment phase"):
        job_of(base=boundary_folder, alignment="ridge")


def test_the_base_keeps_its_own_words(job_of):
    job = job_of(alignment="ridge", alignment_texts=6)
    assert job.ready.base.processor.word_splitter is not job.ready.model.processor.word_splitter
