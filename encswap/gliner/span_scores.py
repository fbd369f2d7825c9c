"""Span scores block by block: gliner2's numbers without its tensors of every span."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812 - as torch's own documentation calls it

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Scorer = Callable[..., torch.Tensor]
BLOCK = 1 << 21
"""Elements of a block, 8 MiB in float32."""


def scorer(model: PreTrainedModel) -> Scorer:
    """Make what stands in for a span model's `_compute_span_scores_core` while it trains.

    On a GPU, or in another number format than float32, it is gliner2's own.
    """
    layer, own = model.span_rep.span_rep_layer, type(model)._compute_span_scores_core

    def score(
        words: torch.Tensor, queries: torch.Tensor, lengths: torch.Tensor, mask_invalid: bool = True
    ) -> torch.Tensor:
        plain = words.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        if plain and words.dtype == torch.float32 and layer.training:
            return score_spans(layer, words, queries, lengths, mask_invalid)
        scores: torch.Tensor = own(model, words, queries, lengths, mask_invalid)
        return scores

    return score


def score_spans(
    layer: Any, words: torch.Tensor, queries: torch.Tensor, lengths: torch.Tensor, masked: bool
) -> torch.Tensor:
    """Score each span against each query: logits (batch, queries, words, width).

    `layer` is gliner2's SpanMarkerV0; `words` is (batch, words, hidden), `queries` is (batch,
    queries, hidden), `lengths` counts each text's words. Spans that reach past a text's end are
    -inf where `masked`, else finite and meaningless. The same as `layer.score_queries`.
    """
    first, last = layer.out_project[0], layer.out_project[3]
    hidden = words.shape[-1]
    start = F.linear(layer.project_start(words).relu(), first.weight[:, :hidden], first.bias)
    end = F.linear(layer.project_end(words).relu(), first.weight[:, hidden:])
    share = float(layer.out_project[2].p) if layer.training else 0.0
    keep = None
    if share:
        shape = (*start.shape[:2], layer.max_width, start.shape[2])
        keep = torch.empty(shape, dtype=torch.bool).bernoulli_(1 - share)
    folded = queries @ last.weight / (1 - share)
    logits: torch.Tensor = _Blocks.apply(start, end, folded, keep, layer.max_width)  # type: ignore[no-untyped-call]
    # As gliner2's own, the queries lie innermost: its loss draws random numbers in that order.
    logits = (logits + (queries @ last.bias)[:, None, None]).permute(0, 3, 1, 2)
    if masked:
        ends = torch.arange(words.shape[1])[:, None] + torch.arange(layer.max_width)
        logits = logits.masked_fill((ends >= lengths[:, None, None])[:, None], float("-inf"))
    return logits


class _Blocks(torch.autograd.Function):
    """`relu(start_i + end_(i + w)) * keep` times each query, without ever holding all of it."""

    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes them by place
        ctx: Any,
        start: torch.Tensor,
        end: torch.Tensor,
        queries: torch.Tensor,
        keep: torch.Tensor | None,
        width: int,
    ) -> torch.Tensor:
        """Return logits (batch, words, width, queries)."""
        ctx.save_for_backward(start, end, queries)
        ctx.keep, ctx.width = keep, width
        batch, words, _ = start.shape
        logits = start.new_empty(batch, words, width, queries.shape[1])
        for place, rows, block in _blocks(start, end, keep, width):
            torch.mm(block.flatten(0, 1), queries[place].T, out=logits[place, rows].flatten(0, 1))
        return logits

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of start, end and queries."""
        start, end, queries = ctx.saved_tensors
        width = ctx.width
        of_start, of_queries = torch.empty_like(start), torch.zeros_like(queries)
        batch, words, size = end.shape
        of_end = end.new_zeros(batch, words + width - 1, size)
        room: torch.Tensor | None = None
        for place, rows, block in _blocks(start, end, ctx.keep, width):
            some = grad[place, rows].flatten(0, 1)
            of_queries[place] += some.T @ block.flatten(0, 1)
            room = torch.empty_like(block) if room is None else room
            back = room[: block.shape[0]]
            torch.mm(some, queries[place], out=back.view(-1, size))
            torch.ops.aten.threshold_backward.grad_input(back, block, 0, grad_input=back)
            torch.sum(back, 1, out=of_start[place, rows])
            for offset in range(width):
                of_end[place, rows.start + offset : rows.stop + offset] += back[:, offset]
        return of_start, of_end[:, :words], of_queries, None, None


def _blocks(
    start: torch.Tensor, end: torch.Tensor, keep: torch.Tensor | None, width: int
) -> Iterator[tuple[int, slice, torch.Tensor]]:
    """Yield text, rows and hidden states (rows, width, features); the next block overwrites."""
    batch, words, size = start.shape
    step = max(1, min(words, BLOCK // (width * size)))
    room = start.new_empty(step, width, size)
    reach = F.pad(end, (0, 0, 0, width - 1)).unfold(1, width, 1).transpose(2, 3)
    for place in range(batch):
        for begin in range(0, words, step):
            rows = slice(begin, min(words, begin + step))
            block = room[: rows.stop - begin]
            torch.add(start[place, rows, None], reach[place, rows], out=block)
            block.relu_()
            if keep is not None:
                block.mul_(keep[place, rows])
            yield place, rows, block
