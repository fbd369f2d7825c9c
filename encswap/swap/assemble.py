"""The swap: a new encoder in a base model, its heads kept, and the proof that nothing was lost."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from safetensors import SafetensorError

from encswap.errors import SwapError
from encswap.files import scratch
from encswap.gliner import model as gliner
from encswap.gliner import scoring as heads
from encswap.gliner.text_form import TextForm
from encswap.plugins import Plugins
from encswap.types import EmbeddingTable, LoadedEncoder, WordSplitter

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Heads = Literal["kept", "fresh"]
PROOF_TEXT = "encswap 001: a b c."
PROOF_LABELS = ("alpha", "beta")
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Swapped:
    """A model with its new encoder, and how many embedding rows were made in which way."""

    model: PreTrainedModel
    origins: Mapping[str, int]


def swap_encoder(
    base: PreTrainedModel,
    encoder: LoadedEncoder,
    plugins: Plugins,
    *,
    splitter: WordSplitter,
    name: str,
    max_width: int | None = None,
    method: str = "transplant",
    heads: Heads = "kept",
    seed: int = 42,
    token_pooling: str | None = None,
    text_form: TextForm | None = None,
) -> Swapped:
    """Build a model of the base's own class around the encoder, with the base's heads.

    The base is left as it is; the encoder is taken over, not copied. `max_width` in units;
    `token_pooling` first, mean or max of a unit's subtokens; None keeps the base's;
    `text_form` is how units become tokens, None as the base has it. Raises `SwapError` where sizes
    do not fit, `InputError` where the encoder's tokenizer cannot write so.
    """
    import torch

    refuse_misfit(base, encoder, name)
    tokenizer = copy.deepcopy(encoder.tokenizer)
    markers = gliner.add_markers(tokenizer)
    grow_embeddings(encoder.model, len(tokenizer), max(markers.values()))
    table = gliner.table_of(encoder.model, tokenizer)
    generator = torch.Generator().manual_seed(seed)
    adapted = plugins.adapt_embeddings(gliner.embedding_table(base), table, method, generator)
    refuse_bad_rows(table, adapted.weight, method)
    with torch.no_grad():
        encoder.model.get_input_embeddings().weight.copy_(adapted.weight)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = gliner.new_model(
            base,
            LoadedEncoder(encoder.model, tokenizer),
            word_splitter=splitter,
            max_width=max_width,
            token_pooling=token_pooling,
            text_form=text_form,
            model_name=name,
        )
    if heads == "kept":
        gliner.put_heads(model, gliner.head_weights(base))
    return Swapped(model, adapted.origins)


KEPT = "kept"
"""How the embedding rows of a base begin that keeps its own encoder."""


def keep_encoder(
    model: PreTrainedModel, *, splitter: WordSplitter, max_width: int | None = None
) -> Swapped:
    """Build a base's model anew around its own encoder, with another word splitter and width.

    The encoder is taken over, not copied; weights and tokenizer stay as they are, so the model
    differs from the base by its units alone. `max_width` in units; None keeps the base's.
    """
    own = LoadedEncoder(model.encoder, model.processor.tokenizer)
    kept = gliner.new_model(model, own, word_splitter=splitter, max_width=max_width)
    gliner.put_heads(kept, gliner.head_weights(model))
    return Swapped(kept, {KEPT: own.model.get_input_embeddings().num_embeddings})


def refuse_misfit(base: PreTrainedModel, encoder: LoadedEncoder, name: str) -> None:
    """Refuse an encoder whose token vectors the heads cannot read."""
    want = base.encoder.config.hidden_size
    have = encoder.model.config.hidden_size
    if want != have:
        raise SwapError(
            f"{name} has hidden size {have}, the base's heads read {want}",
            hint="choose an encoder of the base's hidden size; `encswap check` lists them",
        )


def grow_embeddings(encoder: PreTrainedModel, length: int, highest: int) -> None:
    """Make room for every token of the tokenizer; rows beyond it are kept where there are any.

    gliner2 puts saved rows back only under keys that end in `word_embeddings.weight`, so another
    name gets a table of exactly the tokenizer's length.
    """
    rows = encoder.get_input_embeddings().num_embeddings
    needed = max(length, highest + 1)
    reconciled = any(name.endswith("word_embeddings.weight") for name in encoder.state_dict())
    wanted = max(rows, needed) if reconciled else needed
    if wanted != rows:
        encoder.resize_token_embeddings(wanted, mean_resizing=False)


def refuse_bad_rows(table: EmbeddingTable, weight: torch.Tensor, method: str) -> None:
    """Refuse adapted embeddings that changed shape or are not finite."""
    if weight.shape != table.weight.shape:
        raise SwapError(
            f"embedding method {method!r} returned {tuple(weight.shape)} "
            f"for a table of {tuple(table.weight.shape)}"
        )
    if not bool(weight.isfinite().all()):
        raise SwapError(f"embedding method {method!r} returned rows that are not finite")


def prove(model: PreTrainedModel, base: PreTrainedModel, splitter: WordSplitter) -> None:
    """Show that the heads are the base's, bit for bit, and that saving and loading keeps outputs.

    The reload is plain gliner2's, unless the model has a text form of its own. Raises
    `SwapError` at the first difference.
    """
    prove_heads(model, base)
    with scratch("proof") as folder:
        try:
            gliner.save_model(model, folder)
        except (OSError, SafetensorError) as error:
            raise SwapError(
                f"the proof cannot be written: {error}",
                where=folder.parent,
                hint="make room, or set TMPDIR to a folder that has some",
            ) from error
        prove_reload(model, gliner.read_back(model, folder, splitter=splitter))


def prove_heads(model: PreTrainedModel, base: PreTrainedModel) -> None:
    """Compare the heads of two models bit for bit."""
    kept = gliner.head_weights(base)
    for name, tensor in gliner.head_weights(model).items():
        if not tensor.equal(kept[name]):
            raise SwapError(f"head weight {name} differs from the base's after the swap")


def prove_reload(model: PreTrainedModel, again: PreTrainedModel) -> None:
    """Compare the outputs of a model and its reloaded self."""
    ours, theirs = (heads.entity_logits(one, PROOF_TEXT, PROOF_LABELS) for one in (model, again))
    if ours.shape != theirs.shape:
        raise SwapError(f"the reloaded model gives {theirs.shape}, the saved one {ours.shape}")
    finite = ours.isfinite()
    if not finite.any():
        raise SwapError("the swapped model gives no finite score")
    worst = float((ours[finite] - theirs[finite]).abs().max())
    if not worst <= TOLERANCE or not finite.equal(theirs.isfinite()):
        raise SwapError(f"the reloaded model differs by {worst:.2e}, more than {TOLERANCE:.0e}")
