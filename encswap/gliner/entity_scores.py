"""Span logits of texts that share a prompt for entities: gliner2's numbers, each text not alone.

gliner2 asks its query layers text by text, holds the hidden states of every span, and pools words
piece by piece in Python. Where all texts of a batch have the same prompt none of that is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from encswap.gliner.graph import first_queries, means
from encswap.gliner.span_scores import score_spans
from encswap.gliner.text_form import form_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def can_score_at_once(model: PreTrainedModel, batch: Any) -> bool:
    """Whether a batch is of entities alone, its prompts are equal, and it is scored on a CPU."""
    places = batch.schema_special_indices
    weight = model.span_rep.span_rep_layer.out_project[0].weight
    return bool(
        places
        and not model.training
        and not torch.is_grad_enabled()
        and weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and model.processor.token_pooling in ("first", "mean")
        and not form_of(model.config).special_ends  # a last word ends where its text does
        and batch.text_word_indices is not None
        and batch.text_word_indices.shape[1]
        and len(places[0]) == 1
        and len(places[0][0]) > 1
        and all(one == places[0] for one in places)
        and all(one == ["entities"] for one in batch.task_types)
    )


def score_at_once(model: PreTrainedModel, batch: Any) -> list[torch.Tensor | None]:
    """Logits (labels, words, max_width) of each text, -inf for spans that reach past its end.

    None where the count head says that a text holds nothing, or it has no words.
    """
    states = model.encode_tokens(batch)
    asked = states[:, batch.schema_special_indices[0][0]]
    counts = model.count_pred(asked[:, 0]).argmax(dim=-1).tolist()
    queries = first_queries(model.count_embed, asked[:, 1:])
    lengths = torch.tensor(batch.text_word_counts)
    words = _words(model, batch, states, lengths)
    logits = score_spans(model.span_rep.span_rep_layer, words, queries, lengths, masked=True)
    return [
        one[:, :length] if count > 0 and length else None
        for one, count, length in zip(logits, counts, batch.text_word_counts, strict=True)
    ]


def _words(
    model: PreTrainedModel, batch: Any, states: torch.Tensor, lengths: torch.Tensor
) -> torch.Tensor:
    """The vector of each word: its first subtoken's, or the mean of its subtokens'."""
    firsts = batch.text_word_indices
    if model.processor.token_pooling == "first":  # noqa: S105 - no password
        return states.gather(1, firsts[:, :, None].expand(-1, -1, states.shape[-1]))
    ends = torch.tensor(batch.original_lengths)[:, None]
    behind = torch.arange(firsts.shape[1]) >= lengths[:, None]
    firsts = torch.where(behind, ends, firsts)
    nexts = torch.cat([firsts[:, 1:], ends], dim=1)
    return means(states, firsts, nexts)
