"""The part of a span model that finds entities, as one graph of tensors that can be exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F  # noqa: N812 - as torch's own documentation calls it

from encswap.errors import SwapError
from encswap.gliner.model import architecture_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class EntityGraph(torch.nn.Module):
    """Encoder, count head and span head for a batch whose texts share one prompt.

    Inputs: `input_ids` and `attention_mask` (batch, tokens); `words` (batch, words), the place of
    each word's first subtoken, or where words are means of their subtokens (batch, words, tokens),
    the share of each; `prompt` (1 + labels), the places of [P] and of each [E].
    Outputs: `counts` (batch, 20), the logits of the count head; `starts` and `ends` (batch, words,
    features); `queries` (batch, labels, features) and `bias` (batch, labels). The logit of a span
    from word i to word j is `relu(starts[i] + ends[j]) @ queries + bias`, which is what
    `SpanMarkerV0.score_queries` of gliner2 computes for each width.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        if architecture_of(model) != "span":
            raise SwapError(
                f"a base with a {architecture_of(model)} head cannot be exported: its candidates "
                "are chosen step by step",
                hint="export a run whose base has a span head, such as the default base",
            )
        self.pooling = str(getattr(model.processor, "token_pooling", "first"))
        if self.pooling not in ("first", "mean"):
            raise SwapError(
                f"words pooled by {self.pooling!r} cannot be exported",
                hint="export a model whose token_pooling is first or mean",
            )
        self.encoder, self.count_pred = model.encoder, model.count_pred
        self.count_embed, self.layer = model.count_embed, model.span_rep.span_rep_layer

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        words: torch.Tensor,
        prompt: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """Return counts, starts, ends, queries and bias."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        asked = states.index_select(1, prompt)
        if self.pooling == "mean":
            vectors = words @ states
        else:
            vectors = torch.gather(states, 1, words[:, :, None].expand(-1, -1, states.shape[-1]))
        return (
            self.count_pred(asked[:, 0]),
            *halves(self.layer, vectors),
            *fold(self.layer, first_queries(self.count_embed, asked[:, 1:])),
        )


def halves(layer: Any, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The first layer of `out_project` on either end of a span: (batch, words, features) each."""
    first, hidden = layer.out_project[0], words.shape[-1]
    start = F.linear(layer.project_start(words).relu(), first.weight[:, :hidden], first.bias)
    end = F.linear(layer.project_end(words).relu(), first.weight[:, hidden:])
    return start, end


def fold(layer: Any, queries: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The last layer of `out_project` folded into the queries, and its bias on them."""
    last = layer.out_project[3]
    return queries @ last.weight, queries @ last.bias


def first_queries(count_embed: Any, labels: torch.Tensor) -> torch.Tensor:
    """`count_embed(labels, count)[0]` for each text at once; labels are (batch, labels, hidden).

    gliner2 decodes entities with the first of `count` steps alone, and a step depends on none that
    follows it, so one step is the same whatever the count head says.
    """
    batch, many, hidden = labels.shape
    state = labels.reshape(batch * many, hidden)
    place = count_embed.pos_embedding.weight[:1].expand(batch * many, hidden)
    step = _gru_step(count_embed.gru, place, state).reshape(batch, many, hidden)
    if hasattr(count_embed, "projector"):
        projected: torch.Tensor = count_embed.projector(torch.cat([step, labels], dim=-1))
        return projected
    if hasattr(count_embed, "transformer"):
        mixed: torch.Tensor = count_embed.transformer(step + labels)
        return mixed
    return _experts(count_embed, step)


def _gru_step(gru: Any, x: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    """One step of gliner2's `CompileSafeGRU`."""
    of_x = F.linear(x, gru.weight_ih_l0, gru.bias_ih_l0).chunk(3, dim=-1)
    of_state = F.linear(state, gru.weight_hh_l0, gru.bias_hh_l0).chunk(3, dim=-1)
    reset, update = (torch.sigmoid(of_x[n] + of_state[n]) for n in (0, 1))
    new = torch.tanh(of_x[2] + reset * of_state[2])
    return (1 - update) * new + update * state


def _experts(layer: Any, step: torch.Tensor) -> torch.Tensor:
    """The mixture of experts of gliner2's `CountLSTMoE`, for (batch, labels, hidden)."""
    gates = layer.router(step)
    inner = torch.einsum("bmd,edh->bmeh", step, layer.w1) + layer.b1
    out = torch.einsum("bmeh,ehd->bmed", F.gelu(inner), layer.w2) + layer.b2
    mixed: torch.Tensor = (gates.unsqueeze(-1) * out).sum(dim=2)
    return mixed
