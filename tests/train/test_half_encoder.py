"""Precision bf16-encoder: the encoder multiplies in bfloat16, everything else stays in float32."""

from __future__ import annotations

import copy

import pytest
import torch

from encswap.errors import InputError
from encswap.gliner import model as gliner
from encswap.gliner.training import halve_encoder
from encswap.recipe import read_recipe
from encswap.train.fit import fit
from encswap.train.trainer import precision_of, precision_remark

IDS = torch.arange(5, 25)[None]


@pytest.fixture
def model(base):
    if not torch.cpu._is_avx512_bf16_supported():
        pytest.skip("this processor has no bfloat16")
    return copy.deepcopy(base).eval()


def states(model):
    with torch.inference_mode():
        return model.encoder(input_ids=IDS, attention_mask=torch.ones_like(IDS)).last_hidden_state


def test_states_come_in_float32_and_are_rounded_inside(model):
    plain = states(model)
    halve_encoder(model)
    halved = states(model)
    assert halved.dtype == torch.float32
    apart = (halved - plain).abs().max()
    assert 1e-5 < apart < 0.2  # rounded to 8 bits of mantissa, in three layers
    assert all(one.dtype == torch.float32 for one in model.parameters())


def test_a_copy_computes_with_its_own_weights(model):
    halve_encoder(model)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for one in other.encoder.parameters():
            one.zero_()
    assert states(model).abs().sum() > 0
    assert not torch.equal(states(model), states(other))


def test_a_saved_model_is_in_float32_and_knows_nothing_of_it(model, tmp_path):
    before = {name: one.clone() for name, one in model.state_dict().items()}
    plain = states(model)
    halve_encoder(model)
    gliner.save_model(model, tmp_path / "saved")
    again = gliner.read_model(tmp_path / "saved").eval()
    assert all(again.state_dict()[name].equal(one) for name, one in before.items())
    assert torch.allclose(states(again), plain, atol=1e-6)


def test_a_processor_without_bfloat16_is_refused(base, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="this processor has no bfloat16; set precision: fp32"):
        halve_encoder(copy.deepcopy(base))


def test_a_run_trains_with_it_and_the_rest_is_float32(job_of, model):
    job = job_of(precision="bf16-encoder", epochs=1)
    assert precision_of(job.recipe) == "fp32" and precision_remark(job.recipe) is None
    before = {name: one.clone() for name, one in job.ready.model.named_parameters()}
    progress, _ = fit(job)
    assert len(progress.epochs) == 1
    changed = [
        name
        for name, one in job.ready.model.named_parameters()
        if name.startswith("encoder.") and not one.equal(before[name])
    ]
    assert changed


def test_the_recipe_names_it():
    assert read_recipe(overrides={"precision": "bf16-encoder"}).precision == "bf16-encoder"
