"""What gliner2 swallows is loud here, and the count gate is trained without touching the rest."""

from __future__ import annotations

import copy

import pytest
import torch

from encswap.errors import TrainingError
from encswap.gliner import scoring as heads
from encswap.gliner.batches import collate
from encswap.gliner.schema import schema_for
from encswap.gliner.training import objective, set_label_renaming, training_loss
from encswap.types import Mention

TEXT = "Pneumonia was treated with amoxicillin."
GOLD = (Mention(0, 9, "Disease", "Pneumonia"), Mention(27, 38, "Drug", "amoxicillin"))
LABELS = ("Disease", "Drug")


def batch_of(model, *ids):
    items = [(TEXT, schema_for(LABELS, GOLD, sample=name)) for name in ids]
    return collate(model, items, training=True)


@pytest.fixture
def model(base):
    copied = copy.deepcopy(base)
    set_label_renaming(copied, 0.0)
    return copied.train()


def test_a_sample_that_fails_inside_gliner2_stops_training_by_its_id(model, capsys):
    batch = batch_of(model, "doc-1", "doc-2", "doc-3")
    batch.structure_labels[1] = [[1, [[[(0,)], [(0, 0)]]]]]
    with pytest.raises(TrainingError, match=r"'doc-2' fails inside gliner2"):
        training_loss(model, batch)
    assert capsys.readouterr().out == ""


def test_gliner2_itself_would_have_counted_that_sample_as_zero(model, capsys):
    batch = batch_of(model, "doc-1", "doc-2")
    batch.structure_labels[1] = [[1, [[[(0,)], [(0, 0)]]]]]
    assert model(batch)["batch_size"] == 1
    assert "Error processing sample 1" in capsys.readouterr().out


def test_a_loss_that_is_not_finite_stops_training_with_the_samples(model):
    with torch.no_grad():
        model.span_rep.span_rep_layer.out_project[3].bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match="the loss is not finite on samples doc-1, doc-2"):
        training_loss(model, batch_of(model, "doc-1", "doc-2"))


def test_the_gate_adds_gradients_to_the_count_head_alone(model):
    batch = batch_of(model, "doc-1")
    gradients = {}
    for gate in (False, True):
        model.zero_grad()
        torch.manual_seed(0)
        with objective(model, gate=gate):
            training_loss(model, batch).backward()
        gradients[gate] = {
            name: parameter.grad.clone()
            for name, parameter in model.named_parameters()
            if parameter.grad is not None
        }
    extra = gradients[True].keys() - gradients[False].keys()
    assert extra and all(name.startswith("count_pred.") for name in extra)
    for name, gradient in gradients[False].items():
        assert torch.equal(gradient, gradients[True][name])


def test_the_gate_learns_to_say_that_a_text_holds_entities(model):
    with torch.no_grad():
        model.count_pred[-1].bias[0] += 15.0
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        with objective(model, gate=True):
            training_loss(model, batch_of(model, "doc-1")).backward()
        optimizer.step()
    model.eval()
    batch = collate(model, [(TEXT, schema_for(LABELS))], training=False)
    assert heads.span_logits(model, batch)[0] is not None
