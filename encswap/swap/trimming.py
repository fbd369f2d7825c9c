"""A model with a smaller vocabulary: the rows of pieces that some texts never use are dropped.

The rows that stay are the same numbers, so on these texts nothing changes; it is proven, before
anything is written, on a model that the plain library has read back.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encswap.domain import LoadedEncoder
from encswap.errors import SwapError
from encswap.files import scratch
from encswap.swap import gliner, heads
from encswap.swap.loading import load_tokenizer
from encswap.swap.subtokens import position_limit, used_ids
from encswap.swap.vocabulary import kept_ids, write_trimmed

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from encswap.domain import WordSplitter

TOLERANCE = 1e-6
COMPARED = 64
LENGTH = 128
PROMPT_WORDS = ("(", ")", ",", ".", "entity", "entities", *map(str, range(10)))


@dataclass(frozen=True)
class Wanted:
    """What a trimmed vocabulary must still say: texts, their units, labels and descriptions.

    `beginnings` are short texts for the comparison of scores; their units are among the others.
    """

    texts: tuple[str, ...]
    units: tuple[str, ...]
    labels: tuple[str, ...] = ()
    descriptions: Mapping[str, str] | None = None
    beginnings: tuple[str, ...] = ()

    @property
    def spoken(self) -> list[str]:
        """Everything that is tokenised: texts as they are, and words alone."""
        labelled = [*self.labels, *(self.descriptions or {}).values()]
        words = [word for text in labelled for word in (text, *text.split())]
        alone = {*self.units, *words, *PROMPT_WORDS}
        return [*self.texts, *sorted(alone | {word.lower() for word in alone})]


@dataclass(frozen=True)
class Trimmed:
    """A trimmed model, the old id of each of its rows, and its rows before."""

    encoder: LoadedEncoder
    ids: tuple[int, ...]
    rows_before: int


def trim_encoder(
    encoder: LoadedEncoder, wanted: Wanted, *, keep_characters: bool, used: Iterable[int] = ()
) -> Trimmed:
    """Drop the rows and pieces that `wanted` does not use; the encoder given is left as it is.

    `used` names ids that stay besides. Raises `SwapError` where a text would be cut otherwise.
    """
    asked = encoder.tokenizer(wanted.spoken, verbose=False)["input_ids"]
    ids = kept_ids(
        encoder.tokenizer,
        {*used, *(number for one in asked for number in one)},
        keep_characters=keep_characters,
    )
    tokenizer = trim_tokenizer(encoder.tokenizer, ids, wanted.spoken)
    table = encoder.model.get_input_embeddings()
    # The whole table is the larger part of a model: the copy only borrows it.
    model = copy.deepcopy(encoder.model, {id(table.weight): table.weight})
    slice_rows(model, ids)
    return Trimmed(LoadedEncoder(model, tokenizer), tuple(ids), table.num_embeddings)


def trim_tokenizer(
    tokenizer: PreTrainedTokenizerFast, ids: Sequence[int], texts: Sequence[str]
) -> PreTrainedTokenizerFast:
    """Keep the pieces of `ids`, renumbered in order; each text must be cut as before."""
    places = {number: place for place, number in enumerate(ids)}
    different: str | None = ""
    for plain in (False, True):
        with scratch("trim") as folder:
            write_trimmed(tokenizer, places, folder, plain=plain)
            found = load_tokenizer(folder, "the trimmed tokenizer")
        different = first_difference(tokenizer, found, places, texts)
        if different is None:
            return found
    raise SwapError(f"with fewer pieces the tokenizer cuts {(different or '')[:40]!r} otherwise")


def first_difference(
    old: PreTrainedTokenizerFast,
    new: PreTrainedTokenizerFast,
    places: Mapping[int, int],
    texts: Sequence[str],
) -> str | None:
    """Find the first text that two tokenizers cut into other pieces, or number otherwise."""
    if len(new) != len(places):
        return texts[0]
    for special in (True, False):
        before, after = (
            one(list(texts), add_special_tokens=special, verbose=False)["input_ids"]
            for one in (old, new)
        )
        for text, was, now in zip(texts, before, after, strict=True):
            pieces = (old.convert_ids_to_tokens(was), new.convert_ids_to_tokens(now))
            if [places.get(number) for number in was] != now or pieces[0] != pieces[1]:
                return text
    return None


def beginnings_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Cut the first texts at a space, short enough for any encoder's positions."""
    return tuple(
        text if len(text) <= LENGTH else text[:LENGTH].rpartition(" ")[0] or text[:LENGTH]
        for text in texts[:COMPARED]
    )


def slice_rows(model: PreTrainedModel, ids: Sequence[int]) -> None:
    """Keep the rows of `ids`, in place, and renumber what the config says of them."""
    from torch import nn

    places = {number: place for place, number in enumerate(ids)}
    table = model.get_input_embeddings()
    padding = None if table.padding_idx is None else places.get(table.padding_idx)
    rows = table.weight.detach()[list(ids)].clone()
    model.set_input_embeddings(nn.Embedding(len(ids), rows.shape[1], padding, _weight=rows))
    model.config.vocab_size = len(ids)
    for name, value in list(model.config.to_dict().items()):
        if name.endswith("_token_id") and isinstance(value, int) and value >= 0:
            setattr(model.config, name, places.get(value))


def trim_checkpoint(
    model: PreTrainedModel, wanted: Wanted, splitter: WordSplitter, *, keep_characters: bool
) -> tuple[PreTrainedModel, Trimmed]:
    """Trim a GLiNER2 model's encoder; heads and everything else are as they were."""
    used = used_ids(model, wanted.units, wanted.labels, wanted.descriptions or {})
    encoder = LoadedEncoder(model.encoder, model.processor.tokenizer)
    trimmed = trim_encoder(encoder, wanted, keep_characters=keep_characters, used=used)
    smaller = gliner.new_model(model, trimmed.encoder, word_splitter=splitter)
    gliner.put_heads(smaller, gliner.head_weights(model))
    return smaller, trimmed


def encoder_difference(
    old: LoadedEncoder, new: LoadedEncoder, texts: Sequence[str]
) -> tuple[float, int]:
    """The largest difference of token vectors over the first texts, and how many were compared."""
    import torch

    worst, compared = 0.0, list(texts[:COMPARED])
    for text in compared:
        states = []
        for one in (old, new):
            limit = position_limit(_WithEncoder(one.model), LENGTH)
            batch = one.tokenizer(
                text, return_tensors="pt", truncation=True, max_length=limit, verbose=False
            )
            with torch.inference_mode():
                one.model.eval()
                states.append(
                    one.model(
                        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
                    ).last_hidden_state
                )
        worst = max(worst, _apart(*states))
    return worst, len(compared)


@dataclass(frozen=True)
class _WithEncoder:
    encoder: Any


def checkpoint_difference(
    old: PreTrainedModel, new: PreTrainedModel, texts: Sequence[str], labels: Sequence[str]
) -> tuple[float, int]:
    """The largest difference of scores over short texts, and how many were compared."""
    worst = 0.0
    for text in texts:
        worst = max(worst, _apart(*(heads.entity_logits(one, text, labels) for one in (old, new))))
    return worst, len(texts)


def _apart(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference; endless where the shapes or the finite places differ."""
    if ours.shape != theirs.shape or not ours.isfinite().equal(theirs.isfinite()):
        return float("inf")
    finite = ours.isfinite()
    return float((ours[finite] - theirs[finite]).abs().max()) if finite.any() else 0.0


def refuse_difference(difference: float) -> None:
    """Refuse a trimmed model whose outputs are not the old one's."""
    if not difference <= TOLERANCE:
        raise SwapError(
            f"the trimmed model differs by {difference:.2e}, more than {TOLERANCE:.0e}; "
            "nothing is written"
        )
