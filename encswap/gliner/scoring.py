"""What the heads of a gliner2 model say: the scores of spans, and the count head's loss."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from encswap.errors import SwapError
from encswap.gliner.batches import collate
from encswap.gliner.model import architecture_of
from encswap.gliner.schema import schema_for
from encswap.types import Prediction

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

ScoredSpan = tuple[int, int, int, float]
"""Label, first unit, last unit (inclusive), probability."""


def scored_spans(model: PreTrainedModel, batch: Any, floor: float) -> Iterator[list[ScoredSpan]]:
    """Score the spans of each text; those at or above `floor`, overlaps not yet resolved."""
    if architecture_of(model) == "span":
        for logits, words in zip(span_logits(model, batch), batch.text_word_counts, strict=True):
            yield [] if logits is None else list(_above(logits, words, floor))
    else:
        yield from _boundary_spans(model, batch, floor)


def encode_words(
    model: PreTrainedModel, batch: Any
) -> tuple[list[torch.Tensor], list[list[list[torch.Tensor]]]]:
    """Run the encoder: word vectors (words, hidden) and schema vectors of each text."""
    words, schemas = model.processor.extract_embeddings_from_batch(
        model.encode_tokens(batch), batch.input_ids, batch
    )
    return words, schemas


def span_logits(model: PreTrainedModel, batch: Any) -> list[torch.Tensor | None]:
    """Score every span of each text with a span head: logits (labels, words, max_width).

    None where gliner2's count head says that the text holds nothing: gliner2 then returns nothing.
    """
    words, schemas = encode_words(model, batch)
    logits, _counts = model._compute_direct_span_logits_batched(batch, words, schemas)
    return [one[0][0] if one and one[0] is not None else None for one in logits]


def _above(logits: torch.Tensor, words: int, floor: float) -> Iterator[ScoredSpan]:
    scores = logits.float().sigmoid()[:, :words]
    kept = (scores >= floor).nonzero()
    values = scores[tuple(kept.T)].tolist()
    for (label, first, width), score in zip(kept.tolist(), values, strict=True):
        if first + width < words:
            yield label, first, first + width, score


def _boundary_spans(model: PreTrainedModel, batch: Any, floor: float) -> Iterator[list[ScoredSpan]]:
    """Read the candidates of a boundary head, those of an abstaining label left out."""
    settings = model.boundary_settings
    if settings.adaptive_threshold:
        raise SwapError(
            "the base's head adds spans below the threshold by a count of its own, so no threshold "
            "can be swept",
            hint="set adaptive_threshold to false in boundary_head of its config.json",
        )
    output = model(batch, return_candidates=True)
    found = output.candidates
    scores = (found.pair_logits / settings.pair_temperature).sigmoid().float()
    kept = found.valid_mask & found.query_mask[..., None] & (scores >= floor)
    if output.null_logits is not None:
        kept &= (output.null_logits.sigmoid().float() <= settings.abstention_threshold)[..., None]
    for place, words in enumerate(batch.text_word_counts):
        labels = kept[place].nonzero()[:, 0].tolist()
        ends = found.indices[place][kept[place]].tolist()
        values = scores[place][kept[place]].tolist()
        yield [
            (label, first, end - 1, score)
            for label, (first, end), score in zip(labels, ends, values, strict=True)
            if first < end <= words
        ]


def entity_logits(model: PreTrainedModel, text: str, labels: Sequence[str]) -> torch.Tensor:
    """Score one text in evaluation mode, whatever the count head says; for comparing models."""
    import torch

    was_training = model.training
    model.eval()
    batch = collate(model, [(text, schema_for(labels))], training=False)
    batch = batch.to(next(model.parameters()).device)
    with torch.inference_mode():
        if architecture_of(model) == "span":
            words, schemas = encode_words(model, batch)
            queries = model.count_embed(torch.stack(schemas[0][0])[1:], 1)[0]
            scores: torch.Tensor = model.compute_span_scores_batched([words[0]], [queries])[0]
        else:
            scores = model(batch, return_candidates=True).start_logits
    model.train(was_training)
    return scores


def gate_loss(model: PreTrainedModel, states: torch.Tensor, batch: Any) -> torch.Tensor:
    """Cross-entropy of the count head towards "one", from encoder states that it does not train.

    gliner2 asks this head at extraction whether a text holds anything, and returns nothing where it
    says zero, but trains it on structures alone: after a swap, entities hang on an untrained gate.
    """
    import torch

    rows = [
        (place, positions[tasks.index("entities")][0])
        for place, (positions, tasks) in enumerate(
            zip(batch.schema_special_indices, batch.task_types, strict=True)
        )
        # The counts of other tasks are trained by gliner2 itself.
        if "entities" in tasks and positions and positions[tasks.index("entities")]
    ]
    if not rows:
        return states.new_zeros(())
    index = torch.tensor(rows, device=states.device)
    logits = model.count_pred(states[index[:, 0], index[:, 1]].to(model.count_pred[0].weight.dtype))
    target = torch.ones(len(rows), dtype=torch.long, device=states.device)
    return torch.nn.functional.cross_entropy(logits.float(), target, reduction="sum")


def resolve(
    candidates: Sequence[Prediction], threshold: float, policy: str | None
) -> list[Prediction]:
    """Keep what gliner2 would extract at `threshold`: overlaps resolved label by label."""
    by_label: dict[str, list[Prediction]] = {}
    for one in candidates:
        if one.score >= threshold:
            by_label.setdefault(one.label, []).append(one)
    found: list[Prediction] = []
    for same in by_label.values():
        found += _greedy(same) if policy is None else _by_policy(same, policy)
    return sorted(found, key=lambda one: (one.start, one.end, one.label))


def _greedy(candidates: Sequence[Prediction]) -> list[Prediction]:
    """Keep the best first, and drop what overlaps it: gliner2's default for span heads.

    gliner2 compares each candidate with all that are kept; those lie in order, so its two
    neighbours are enough. In a long document that is the difference of minutes.
    """
    starts: list[int] = []
    kept: list[Prediction] = []
    for one in sorted(candidates, key=lambda one: one.score, reverse=True):
        place = bisect_left(starts, one.end)
        if place == 0 or kept[place - 1].end <= one.start:
            starts.insert(place, one.start)
            kept.insert(place, one)
    return kept


def _by_policy(candidates: Sequence[Prediction], policy: str) -> Iterator[Prediction]:
    """Resolve by one of gliner2's policies, run by run: what does not touch cannot matter."""
    from gliner2.inference.candidate_decoder import finalize_spans

    for run in _runs(candidates):
        raw: list[Any] = [(one, one.score, one.start, one.end) for one in run]
        for kept in finalize_spans(raw, overlap_policy=policy):
            yield kept[0]


def _runs(candidates: Sequence[Prediction]) -> Iterator[list[Prediction]]:
    """Divide candidates where no one reaches across."""
    run: list[Prediction] = []
    end = 0
    for one in sorted(candidates, key=lambda one: (one.start, one.end)):
        if run and one.start >= end:
            yield run
            run = []
        run.append(one)
        end = max(end, one.end)
    if run:
        yield run
