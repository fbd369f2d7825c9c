"""Memory that runs out ends in one line that names the batch that would fit."""

from __future__ import annotations

import pytest
import torch

from encswap.check.memory import RUNTIME_BYTES, training_memory
from encswap.errors import TrainingError
from encswap.train import fit as memory
from encswap.train import trainer
from encswap.train.fit import estimate_memory, fitting_batch
from encswap.train.run import run


def needed(model, batch):
    count = sum(one.numel() for one in model.parameters())
    config = model.encoder.config.to_dict()
    return training_memory(count, config, batch=batch, length=512, half=False).total + RUNTIME_BYTES


def test_the_largest_batch_that_the_estimate_allows_is_named(base):
    count = sum(one.numel() for one in base.parameters())
    config = base.encoder.config.to_dict()
    assert fitting_batch(count, config, 8, 512, needed(base, 5) + 1) == 5
    assert fitting_batch(count, config, 8, 512, needed(base, 1) - 1) == 0
    assert fitting_batch(count, config, 8, 512, needed(base, 99)) == 7


def test_a_teacher_takes_its_own_weights_and_as_many_texts_again(base):
    count = sum(one.numel() for one in base.parameters())
    config = base.encoder.config.to_dict()
    plain, start, own = (
        estimate_memory(count, config, 4, 512, distill_from=source)
        for source in ("", "start", "base")
    )
    assert plain.teacher == own.teacher == 0.0
    assert start.teacher == plain.weights
    assert start.total == own.total + plain.weights
    assert own.total == estimate_memory(count, config, 8, 512).total > plain.total


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
    ids=["GPU", "CPU", "Python"],
)
def test_training_says_what_would_fit(job_of, monkeypatch, error):
    def full(*_):
        raise error

    job = job_of(batch_size=8, gradient_accumulation=2)
    monkeypatch.setattr(trainer, "training_loss", full)
    monkeypatch.setattr(memory, "device_memory", lambda: needed(job.ready.model, 4) + 1)
    with pytest.raises(TrainingError) as caught:
        run(job)
    said = str(caught.value)
    assert said.startswith("out of memory at batch_size 8 and 512 subtokens")
    assert "--set batch_size=4 --set gradient_accumulation=4" in said


def test_another_error_of_torch_is_not_taken_for_memory(job_of, monkeypatch):
    def broken(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(trainer, "training_loss", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        run(job_of())
