"""Spans scored block by block: gliner2's own numbers, gradients and random draws."""

from __future__ import annotations

import pytest
import torch
from gliner2.layers import SpanMarkerV0

from encswap.gliner import span_scores
from encswap.gliner.span_scores import score_spans


def run(score, layer, seed=7, masked=False, words=23):
    torch.manual_seed(0)
    states = torch.randn(3, words, 16, requires_grad=True)
    queries = torch.randn(3, 4, 16, requires_grad=True)
    lengths = torch.tensor([words, 9, 1])
    layer.zero_grad()
    torch.manual_seed(seed)
    logits = score(layer, states, queries, lengths, masked)
    after = torch.get_rng_state()
    ends = torch.arange(words)[:, None] + torch.arange(layer.max_width)
    seen = (ends < lengths[:, None, None])[:, None].expand_as(logits)
    weights = torch.linspace(-1, 1, logits.numel()).view(logits.shape)
    (logits.masked_fill(~seen, 0.0) * weights).sum().backward()
    gradients = [states.grad, queries.grad, *(p.grad for p in layer.parameters())]
    return logits.detach(), gradients, after


def theirs(layer, states, queries, lengths, masked):
    return layer.score_queries(states, queries, lengths, mask_invalid=masked)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("width", [1, 5, 30])
@pytest.mark.parametrize("block", [1, 700, 1 << 21])
def test_scores_gradients_and_draws_are_gliner2_s(dropout, width, block, monkeypatch):
    monkeypatch.setattr(span_scores, "BLOCK", block)
    torch.manual_seed(1)
    layer = SpanMarkerV0(16, width, dropout=dropout).train()
    ours, want = run(score_spans, layer), run(theirs, layer)
    assert torch.allclose(ours[0], want[0], atol=1e-5)
    for got, wanted in zip(ours[1], want[1], strict=True):
        assert torch.allclose(got, wanted, atol=2e-4, rtol=1e-4)
    assert torch.equal(ours[2], want[2])


def test_scores_lie_in_memory_as_gliner2_s_do_for_its_loss_draws_in_that_order():
    layer = SpanMarkerV0(16, 5, dropout=0.1).train()
    assert run(score_spans, layer)[0].stride() == run(theirs, layer)[0].stride()


def test_masked_spans_are_those_of_gliner2():
    layer = SpanMarkerV0(16, 5, dropout=0.0).eval()
    ours, want = run(score_spans, layer, masked=True), run(theirs, layer, masked=True)
    assert torch.equal(ours[0].isinf(), want[0].isinf())


def test_a_model_in_evaluation_takes_gliner2_s_own_path(base, monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(span_scores, "score_spans", never)
    base.eval()
    scored = span_scores.scorer(base)(
        torch.randn(1, 4, base.hidden_size),
        torch.randn(1, 2, base.hidden_size),
        torch.tensor([4]),
    )
    assert scored.shape == (1, 2, 4, base.max_width)
