"""Texts that share a prompt are scored at once, with the numbers of gliner2 and any batches."""

from __future__ import annotations

import pytest

from encswap.evaluate import score
from encswap.gliner import scoring
from encswap.gliner.batches import collate
from encswap.gliner.entity_scores import can_score_at_once
from encswap.gliner.schema import EntitySchema, schema_for
from encswap.swap.checkpoint import load

LABELS = ("질병", "약물", "증상")


@pytest.mark.parametrize(
    ("counting", "pooling"),
    [("count_lstm", "first"), ("count_lstm_v2", "mean"), ("count_lstm_moe", "first")],
)
def test_logits_are_those_of_gliner2_text_by_text(
    checkpoint, korean, monkeypatch, counting, pooling
):
    import torch

    model = load(checkpoint("bert", counting, pooling=pooling))
    texts = ["", *(one.text for one in korean[:4]), "x"]
    schema = schema_for(LABELS)
    batch = collate(model, [(text, schema) for text in texts], training=False)
    with torch.inference_mode():
        assert can_score_at_once(model, batch)
        mine = scoring.span_logits(model, batch)
        monkeypatch.setattr("encswap.gliner.entity_scores.can_score_at_once", lambda *_: False)
        theirs = scoring.span_logits(model, batch)
    for own, plain, words in zip(mine, theirs, batch.text_word_counts, strict=True):
        one, other = own[:, :words], plain[:, :words]
        assert torch.equal(one.isinf(), other.isinf())
        valid = ~other.isinf()
        # Drawn heads are made to speak twelve times as loud.
        assert (one[valid] - other[valid]).abs().max() < 1e-4


def test_threads_and_batches_change_no_span_and_no_order(checkpoint, korean):
    import torch

    model = load(checkpoint())
    texts = [one.text for one in korean] + ["", "당뇨병", korean[0].text * 3]
    asked = EntitySchema.of(LABELS)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = score.score_texts(model, texts, asked, batch_size=3)
        torch.set_num_threads(2)
        seen = []
        two = score.score_texts(model, texts, asked, batch_size=1, progress=seen.append)
        assert torch.get_num_threads() == 2 and sum(seen) == len(texts)
    finally:
        torch.set_num_threads(before)
    assert sum(map(len, one)) > 20
    for mine, theirs in zip(one, two, strict=True):
        spans = [[(a.start, a.end, a.label) for a in found] for found in (mine, theirs)]
        assert spans[0] == spans[1]
        assert [a.score for a in mine] == pytest.approx([a.score for a in theirs], abs=1e-5)


def test_an_error_in_a_thread_is_raised_and_the_threads_are_given_back(
    checkpoint, korean, monkeypatch
):
    import torch

    model = load(checkpoint())

    def fail(*_arguments):
        raise RuntimeError("boom")

    monkeypatch.setattr(score.heads, "scored_spans", fail)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(RuntimeError, match="boom"):
            score.score_texts(
                model, [one.text for one in korean], EntitySchema.of(LABELS), batch_size=1
            )
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
