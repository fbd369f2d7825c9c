"""Maps are found again, and folded heads say what the map applied by hand makes them say."""

from __future__ import annotations

import copy

import pytest
import torch

from encswap.errors import SwapError
from encswap.train.alignment import (
    EXACT,
    AffineMap,
    fit_procrustes,
    fit_ridge,
    fold,
    refuse_other_heads,
    unexplained,
)

WIDTH = 96


def rotation(width=WIDTH):
    torch.manual_seed(0)
    turn, _ = torch.linalg.qr(torch.randn(width, width, dtype=torch.float64))
    return turn.float()


@pytest.mark.parametrize("fit", [fit_ridge, fit_procrustes])
def test_a_rotation_with_a_shift_is_found(fit):
    turn, source = rotation(), torch.randn(2000, WIDTH)
    target = source @ turn.T + 3.0
    fitted = fit(source, target, **({"strength": 1e-9} if fit is fit_ridge else {}))
    assert torch.allclose(fitted.weight, turn, atol=1e-4)
    assert unexplained(fitted, source, target) < 1e-6


def test_procrustes_only_turns():
    fitted = fit_procrustes(torch.randn(500, 8), torch.randn(500, 8))
    assert torch.allclose(fitted.weight @ fitted.weight.T, torch.eye(8), atol=1e-5)


def test_ridge_of_few_vectors_is_finite_and_explains_more_than_the_mean():
    source = torch.randn(5, 32)
    target = source @ torch.randn(32, 32)
    fitted = fit_ridge(source, target)
    assert fitted.weight.isfinite().all()
    assert unexplained(fitted, source, target) < 0.1


@pytest.fixture
def mapped():
    torch.manual_seed(1)
    return AffineMap(rotation() * 1.2, torch.randn(WIDTH) * 0.2), torch.randn(600, WIDTH)


@pytest.mark.parametrize("name", EXACT)
def test_linear_readers_take_the_map_exactly(base, mapped, name):
    fitted, vectors = mapped
    model = copy.deepcopy(base)
    fold(model, fitted, vectors)
    before, after = base.get_submodule(name), model.get_submodule(name)
    assert torch.allclose(after(vectors), before(fitted(vectors)), atol=1e-4)


@pytest.mark.parametrize("layer", ["count_lstm", "count_lstm_v2", "count_lstm_moe"])
def test_the_counting_layer_comes_nearer_to_the_map(base, mapped, layer):
    from gliner2 import layers

    kinds = {
        "count_lstm": layers.CountLSTM,
        "count_lstm_v2": layers.CountLSTMv2,
        "count_lstm_moe": layers.CountLSTMoE,
    }
    fitted, vectors = mapped
    torch.manual_seed(0)
    model = copy.deepcopy(base)
    model.count_embed = kinds[layer](WIDTH).eval()
    old = copy.deepcopy(model.count_embed)
    left = fold(model, fitted, vectors)
    unseen = torch.randn(50, WIDTH)
    with torch.inference_mode():
        meant, plain, folded = old(fitted(unseen), 3), old(unseen, 3), model.count_embed(unseen, 3)
    apart = [float((one - meant).square().mean()) for one in (plain, folded)]
    assert 0 <= left < 1
    assert apart[1] < apart[0]


def test_a_boundary_head_takes_no_map(boundary_base):
    with pytest.raises(SwapError, match="choose alignment phase"):
        refuse_other_heads(boundary_base)
