"""The rows that documents use are trained alone, and the whole table comes back."""

from __future__ import annotations

import copy

import pytest
import torch

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.gliner.batches import collate, used_ids
from encswap.gliner.schema import schema_for
from encswap.gliner.training import set_label_renaming
from encswap.train.used_rows import UsedRows, grow, shrink, whole_table

LABELS = ("Disease", "Drug")


@pytest.fixture
def model(base):
    return copy.deepcopy(base).train()


@pytest.fixture
def texts():
    return [one.text for one in read_examples(find_data("en-medical/test.jsonl"))][:6]


def batch_of(model, texts):
    return collate(model, [(t, schema_for(LABELS)) for t in texts], training=True)


def used(model, texts):
    units = {unit for text in texts for unit, _, _ in model.processor.word_splitter(text, True)}
    return used_ids(model, units, LABELS, {"Disease": "what ails", "Drug": "what helps"})


@pytest.mark.parametrize("renamed", [0.0, 1.0])
def test_every_piece_of_the_batches_is_among_the_used(model, texts, renamed):
    set_label_renaming(model, renamed)
    special = {0, *model.processor.tokenizer.all_special_ids}
    assert set(batch_of(model, texts).input_ids.flatten().tolist()) <= used(model, texts) | special


def steps(model, batches):
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        loss = model(batch)["total_loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_training_is_that_of_the_whole_table_and_other_rows_stay(base, texts):
    set_label_renaming(base, 0.0)
    whole, part = copy.deepcopy(base).train(), copy.deepcopy(base).train()
    batches = [batch_of(whole, texts[:3]), batch_of(whole, texts[3:])] * 3
    kept = used(part, texts)
    shrink(part, kept)
    table = part.encoder.get_input_embeddings()
    assert isinstance(table, UsedRows) and len(table.weight) < base.encoder.config.vocab_size
    assert steps(part, batches) == pytest.approx(steps(whole, batches), rel=1e-6)
    grow(part)
    rows = {n: m.encoder.get_input_embeddings().weight for n, m in (("p", part), ("w", whole))}
    seen = torch.tensor(sorted(kept))
    assert torch.allclose(rows["p"][seen], rows["w"][seen], atol=1e-6)
    before = base.encoder.get_input_embeddings().weight
    special = {*base.processor.tokenizer.all_special_ids, 0}
    other = [n for n in range(len(before)) if n not in kept | special]
    assert torch.equal(rows["p"][other], before[other])


def test_a_piece_that_training_never_met_is_still_read(model, base, texts):
    shrink(model, used(model, texts[:1]))
    batch = batch_of(base, texts[1:])
    model.eval()
    base.eval()
    with torch.no_grad():
        ours = model.encode_tokens(batch)
        theirs = base.encode_tokens(batch)
    assert torch.equal(ours, theirs)


def test_the_whole_table_is_shown_for_saving_and_taken_back(model, texts):
    names = set(model.state_dict())
    rows = len(model.encoder.get_input_embeddings().weight)
    shrink(model, used(model, texts))
    with torch.no_grad():
        model.encoder.get_input_embeddings().weight.add_(1.0)
    small = model.encoder.get_input_embeddings().weight
    with whole_table(model):
        assert len(model.encoder.get_input_embeddings().weight) == rows
        assert set(model.state_dict()) == names
    assert model.encoder.get_input_embeddings().weight is small
    assert set(model.state_dict()) == names


def test_a_frozen_table_is_left_alone(model, texts):
    model.encoder.requires_grad_(False)
    shrink(model, used(model, texts))
    assert not isinstance(model.encoder.get_input_embeddings(), UsedRows)
