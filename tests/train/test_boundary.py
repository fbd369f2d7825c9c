"""A boundary base trains, is scored and is saved as a span base is."""

from __future__ import annotations

import copy

import pytest
import torch

import encswap
from encswap.errors import TrainingError
from encswap.gliner import model as gliner
from encswap.gliner.batches import collate
from encswap.gliner.schema import schema_for
from encswap.gliner.training import objective, set_schedules, training_loss
from encswap.train.run import run


def test_a_boundary_base_trains_scores_and_loads_again(job_of, boundary_folder):
    job = job_of(base=boundary_folder, epochs=3)
    metrics = run(job)
    losses = [epoch["train_loss"] for epoch in metrics["epochs"]]
    assert losses[-1] < losses[0]
    assert metrics["test"]["micro"]["support"] > 0
    model = encswap.load(job.folder.path)
    assert gliner.architecture_of(model) == "boundary"
    model.extract_entities(job.documents.test[0].text, ["Disease", "Drug"])


def test_schedules_move_as_gliner2_s_own_trainer_moves_them(boundary_base):
    from gliner2.training.trainer import ExtractorTrainer

    head = boundary_base.boundary_head
    for step in (0, 3, 40, 70, 99):
        set_schedules(boundary_base, step, 100, start=1.0, end=0.25, hold=0.15)
        own = ExtractorTrainer._gold_injection_probability(step / 100, 1.0, 0.25, 0.15)
        assert head._gold_injection_prob == pytest.approx(own)
        settings = head.settings
        assert head._consistency_scale == min(step / settings.consistency_warmup_steps, 1.0)
        annealed = ExtractorTrainer._soft_iou_anneal_scale(step, settings.soft_iou_anneal_steps)
        assert head._soft_iou_scale == annealed


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        ("pair_scorer.query_gate.bias", "pair_logits"),
        ("boundary_query_head.start_query_projection.bias", "start_logits"),
        ("null_projection.bias", "null_logits"),
    ],
)
def test_a_term_that_gliner2_would_count_as_zero_stops_training(boundary_base, weight, said):
    model = copy.deepcopy(boundary_base).train()
    gold = [encswap.Mention(0, 9, "Disease", "Pneumonia")]
    schema = schema_for(("Disease",), gold, sample="doc-1")
    batch = collate(model, [("Pneumonia came.", schema)], training=True)
    with torch.no_grad():
        model.boundary_head.get_parameter(weight).fill_(float("nan"))
    assert model(batch)["total_loss"].isfinite()
    with (
        objective(model, gate=True),
        pytest.raises(TrainingError, match=rf"{said}.* is not finite on samples doc-1"),
    ):
        training_loss(model, batch)
