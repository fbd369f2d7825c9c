"""A caller's own callbacks of the Trainer see training beside the run's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from transformers import TrainerCallback

import encswap
from encswap.errors import InputError
from encswap.train.run import run


class Counts(TrainerCallback):
    def __init__(self):
        self.steps = self.epochs = 0

    def on_step_end(self, args, state, control, **more):
        self.steps += 1

    def on_epoch_end(self, args, state, control, **more):
        self.epochs += 1


def test_a_callback_is_called_at_steps_and_epochs_and_may_stop(job_of):
    class Stops(TrainerCallback):
        def on_step_end(self, args, state, control, **more):
            control.should_training_stop = state.global_step >= 2

    counted = Counts()
    metrics = run(replace(job_of(epochs=2), callbacks=(counted, Stops)))
    assert counted.steps == 2 and counted.epochs == 1 and len(metrics["epochs"]) == 1


@pytest.mark.parametrize("wrong", [print, object(), dict])
def test_what_is_no_callback_is_refused_before_anything_is_read(wrong):
    with pytest.raises(InputError, match="is no callback"):
        encswap.train(encoder="koelectra", train="nowhere.jsonl", callbacks=[wrong])
