"""What the heads of a gliner2 model say: the scores of spans, and the count head's loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encswap.errors import SwapError
from encswap.gliner.batches import collate
from encswap.gliner.model import architecture_of
from encswap.gliner.schema import EntitySchema, schema_for

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
    from encswap.gliner.entity_scores import can_score_at_once, score_at_once

    if can_score_at_once(model, batch):
        return score_at_once(model, batch)
    words, schemas = encode_words(model, batch)
    logits, _counts = model._compute_direct_span_logits_batched(batch, words, schemas)
    return [one[0][0] if one and one[0] is not None else None for one in logits]


@dataclass(frozen=True)
class TaskLogits:
    """What a model says of one text: raw scores by task, and where a span or a class is possible.

    `independent` are scores of their own sigmoid: spans (fields, words, width) and classes;
    `counts` those of the count head, (tasks, 20), of which one is right; none of a boundary head.
    """

    independent: tuple[torch.Tensor, ...]
    possible: tuple[torch.Tensor, ...]
    counts: torch.Tensor | None = None


def all_logits(model: PreTrainedModel, batch: Any) -> list[TaskLogits]:
    """Score every task that each text is asked for, with gradients; nothing is decoded.

    Of a relation or a structure its first instance is scored. A boundary head gives the starts and
    ends of entities alone.
    """
    if architecture_of(model) != "span":
        return _boundary_logits(model, batch)
    import torch

    words, schemas = encode_words(model, batch)
    vectors = [[torch.stack(one) for one in found if one] for found in schemas]
    queries, owners = [], []
    for place, (found, kinds) in enumerate(zip(vectors, batch.task_types, strict=True)):
        spans = [one for one, kind in zip(found, kinds, strict=True) if kind != "classifications"]
        if spans:
            queries.append(torch.cat([model.count_embed(one[1:], 1)[0] for one in spans]))
            owners.append(place)
    scored = model.compute_span_scores_batched(
        [words[place] for place in owners], queries, mask_invalid=False
    )
    by_place = dict(zip(owners, scored, strict=True))
    return [
        _task_logits(model, found, kinds, by_place.get(place))
        for place, (found, kinds) in enumerate(zip(vectors, batch.task_types, strict=True))
    ]


def _task_logits(
    model: PreTrainedModel,
    vectors: Sequence[torch.Tensor],
    kinds: Sequence[str],
    spans: torch.Tensor | None,
) -> TaskLogits:
    import torch

    independent, possible, heads = [], [], []
    if spans is not None:
        count, width = spans.shape[-2:]
        ends = torch.arange(count)[:, None] + torch.arange(width)
        independent.append(spans)
        possible.append((ends < count)[None].to(spans.device))
    for one, kind in zip(vectors, kinds, strict=True):
        if kind == "classifications":
            independent.append(model.classifier(one[1:]).squeeze(-1))
            possible.append(torch.ones_like(independent[-1], dtype=torch.bool))
        else:
            heads.append(one[0])
    counts = model.count_pred(torch.stack(heads)) if heads else None
    return TaskLogits(tuple(independent), tuple(possible), counts)


def _boundary_logits(model: PreTrainedModel, batch: Any) -> list[TaskLogits]:
    import torch

    # The class's own: what training puts over `forward` must not call itself.
    output = type(model).forward(model, batch, return_candidates=True)
    found = []
    for place, words in enumerate(batch.text_word_counts):
        scores = tuple(one[place] for one in (output.start_logits, output.end_logits))
        inside = tuple(torch.arange(one.shape[-1], device=one.device) < words for one in scores)
        found.append(TaskLogits(scores, inside))
    return found


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


def raw_logits(
    model: PreTrainedModel, text: str, asked: EntitySchema
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a span model's count head says of one text, and its spans (labels, words, max_width).

    Spans are scored whatever the count head says, by gliner2's own methods; for comparing an export
    with. The model must be in evaluation mode.
    """
    import torch

    schema = schema_for(asked.labels, descriptions=asked.descriptions)
    batch = collate(model, [(text, schema)], training=False)
    batch = batch.to(next(model.parameters()).device)
    with torch.inference_mode():
        words, schemas = encode_words(model, batch)
        vectors = torch.stack(schemas[0][0])
        queries = model.count_embed(vectors[1:], 1)[0]
        spans = model.compute_span_scores_batched([words[0]], [queries])[0]
        return model.count_pred(vectors[:1])[0], spans


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
