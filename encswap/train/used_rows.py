"""Training the embedding rows that the documents use, the others left as they are.

A row whose piece stands in no document gets no gradient, but a dense table pays for it at every
step: a gradient of the table's size, its norm, two moments. With a quarter of a million pieces that
is most of a small model. So the table shrinks to the used rows while it trains, and grows back,
bit for bit in all other rows, whenever it is saved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class UsedRows(nn.Embedding):
    """The used rows of an embedding table, looked up by the whole table's ids."""

    places: torch.Tensor

    def __init__(self, whole: nn.Embedding, used: torch.Tensor) -> None:
        places = torch.full((whole.num_embeddings,), -1, dtype=torch.long)
        places[used] = torch.arange(len(used))
        padding = None if whole.padding_idx is None else int(places[whole.padding_idx])
        super().__init__(
            len(used), whole.embedding_dim, padding, _weight=whole.weight.detach()[used].clone()
        )
        self.weight.requires_grad_(whole.weight.requires_grad)
        self.register_buffer("places", places.to(whole.weight.device), persistent=False)
        # In a list, so that the whole table is no part of what is trained or saved.
        self._whole = [whole]

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Look up vectors of ids (…): (…, width); a row that is not used stays as it is."""
        places = self.places[ids]
        missing = places < 0
        if not bool(missing.any()):
            return super().forward(places)
        (whole,) = self._whole
        other = torch.nn.functional.embedding(ids, whole.weight.detach())
        return torch.where(missing[..., None], other, super().forward(places.clamp(min=0)))

    def grown(self) -> nn.Embedding:
        """The whole table with the rows as they are now."""
        (whole,) = self._whole
        with torch.no_grad():
            rows = (self.places >= 0).nonzero()[:, 0].to(whole.weight.device)
            whole.weight[rows] = self.weight.detach().to(whole.weight.device)
        return whole


def shrink(model: PreTrainedModel, used: Iterable[int]) -> None:
    """Keep the rows of `used` ids in the table, those of special tokens and of padding always."""
    table = model.encoder.get_input_embeddings()
    if type(table) is not nn.Embedding or not table.weight.requires_grad:
        return
    tokenizer = model.processor.tokenizer
    kept = {0, *used, *tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    if table.padding_idx is not None:
        kept.add(table.padding_idx)
    rows = torch.tensor(sorted(one for one in kept if one < table.num_embeddings))
    model.encoder.set_input_embeddings(UsedRows(table, rows))


def grow(model: PreTrainedModel) -> None:
    """Put the whole table back."""
    table = model.encoder.get_input_embeddings()
    if isinstance(table, UsedRows):
        model.encoder.set_input_embeddings(table.grown())


@contextmanager
def whole_table(model: PreTrainedModel) -> Iterator[None]:
    """Show the whole table for a while, as for saving."""
    table: Any = model.encoder.get_input_embeddings()
    grow(model)
    try:
        yield
    finally:
        model.encoder.set_input_embeddings(table)
