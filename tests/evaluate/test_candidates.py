"""One pass of candidates gives, at every threshold, exactly what gliner2 extracts."""

from __future__ import annotations

import pytest
import torch
from gliner2.inference.candidate_decoder import finalize_spans
from hypothesis import given
from hypothesis import strategies as st

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.data.units import CachedSplitter
from encswap.evaluate.score import score_documents, score_texts
from encswap.gliner import model as gliner
from encswap.gliner import scoring as heads
from encswap.gliner.decoding import resolve
from encswap.gliner.schema import EntitySchema
from encswap.types import Prediction

LABELS = ("Disease", "Drug")
THRESHOLDS = (0.3, 0.45, 0.5, 0.505, 0.6)


@pytest.fixture
def texts() -> list[str]:
    return [example.text for example in read_examples(find_data("en-medical/test.jsonl"))][:12]


@pytest.fixture
def lively(base):
    """The drawn base with spread-out scores, so that thresholds and overlaps matter."""
    import copy

    model = copy.deepcopy(base)
    with torch.no_grad():
        model.span_rep.span_rep_layer.out_project[3].weight.mul_(30)
    return model.eval()


@pytest.fixture
def lively_boundary(boundary_base):
    """The drawn boundary base, sure of nothing, abstaining here and there."""
    import copy
    import dataclasses

    model = copy.deepcopy(boundary_base)
    model.boundary_settings = dataclasses.replace(model.boundary_settings, pair_temperature=8.0)
    with torch.no_grad():
        model.boundary_head.null_projection.weight.normal_(generator=torch.manual_seed(3))
    return model.eval()


@pytest.mark.parametrize("kind", ["lively", "lively_boundary"])
def test_every_threshold_equals_a_separate_extraction(kind, texts, request):
    model = request.getfixturevalue(kind)
    policy = gliner.overlap_policy(model)
    found = score_texts(model, texts, EntitySchema(LABELS, {}), floor=0.05)
    assert sum(len(one) for one in found) > 100
    for threshold in THRESHOLDS:
        theirs = model.batch_extract_entities(
            texts, list(LABELS), threshold=threshold, include_spans=True, include_confidence=True
        )
        for ours, result in zip(found, theirs, strict=True):
            want = {
                (one["start"], one["end"], label)
                for label, spans in result["entities"].items()
                for one in spans
            }
            got = {(one.start, one.end, one.label) for one in resolve(ours, threshold, policy)}
            assert got == want


SPANS = st.lists(
    st.builds(
        lambda start, length, score: Prediction(start, start + length, "Drug", score / 8),
        st.integers(0, 40),
        st.integers(1, 6),
        st.integers(1, 8),
    ),
    max_size=40,
)


@pytest.mark.parametrize("policy", [None, "disallow", "nested", "longest", "allow"])
@given(spans=SPANS)
def test_overlaps_resolve_as_gliner2_resolves_them(policy, spans):
    raw = [(one, one.score, one.start, one.end) for one in spans if one.score >= 0.25]
    theirs = [kept[0] for kept in finalize_spans(raw, overlap_policy=policy)]
    ours = resolve(spans, 0.25, policy)
    assert sorted(ours, key=repr) == sorted(theirs, key=repr)


def test_the_full_stop_that_gliner2_appends_is_never_predicted(lively):
    text = "No mark ends this"
    for one in score_texts(lively, [text], EntitySchema(LABELS, {}), floor=0.01)[0]:
        assert one.end <= len(text)


def test_results_come_in_the_order_of_the_texts(lively, texts):
    together = score_texts(lively, texts, EntitySchema(LABELS, {}), batch_size=4)
    for place in (0, 5, 11):
        alone = score_texts(lively, [texts[place]], EntitySchema(LABELS, {}))[0]
        # Padding may move a score by a rounding error, and so over the floor.
        kept = {(p.start, p.end, p.label) for p in together[place] if p.score > 0.06}
        assert kept <= {(p.start, p.end, p.label) for p in alone}


def test_training_mode_is_restored(base, texts):
    base.train()
    score_texts(base, texts[:1], EntitySchema(LABELS, {}))
    assert base.training
    base.eval()


def test_documents_longer_than_the_encoder_are_scored_in_windows(lively, plugins):
    examples = read_examples(find_data("en-medical/test.jsonl"))[:3]
    splitter = CachedSplitter(plugins.splitter("whitespace"))
    found = score_documents(lively, examples, EntitySchema(LABELS, {}), splitter, max_length=64)
    for example, candidates in zip(examples, found, strict=True):
        assert candidates
        assert all(0 <= one.start < one.end <= len(example.text) for one in candidates)
        assert max(one.end for one in candidates) > len(example.text) // 2


def test_a_closed_count_gate_returns_nothing_as_gliner2_does(base, texts):
    import copy

    model = copy.deepcopy(base)
    with torch.no_grad():
        model.count_pred[-1].bias[0] += 100
    assert score_texts(model, texts[:2], EntitySchema(LABELS, {}), floor=0.01) == [[], []]
    assert heads.entity_logits(model, texts[0], LABELS).isfinite().any()
