"""One-layer models of a real config class, with only that part of the vocabulary that is needed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from encswap.domain import LoadedEncoder
from encswap.errors import SwapError
from encswap.safety.building import build_config, build_model, count_parameters

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MOST_PARAMETERS = 500_000_000
ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")


def one_layer(
    config: Mapping[str, Any], tokenizer: PreTrainedTokenizerFast, seed: int = 0
) -> LoadedEncoder:
    """Draw an encoder of the config's class with one layer and as many rows as tokens."""
    import torch

    rows = max(tokenizer.get_vocab().values()) + 1
    built = build_config(config, vocab_size=rows)
    built.num_hidden_layers = 1
    if isinstance(getattr(built, "layer_types", None), list):
        built.layer_types = built.layer_types[:1]
    if built.pad_token_id is not None:
        built.pad_token_id = min(tokenizer.pad_token_id or 0, rows - 1)
    if (wanted := count_parameters(built)) > MOST_PARAMETERS:
        raise SwapError(f"one layer of it takes {wanted:,} parameters, too many to try")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(built).float().eval()
    return LoadedEncoder(model, tokenizer)


def shrink(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Keep of a tokenizer only its special tokens and the pieces of `texts`, renumbered in order.

    The algorithm, normalizer and pre-tokenizer stay. A merge-based model loses its merges and cuts
    into characters.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    state = json.loads(tokenizer.backend_tokenizer.to_str())
    kept = _kept_ids(tokenizer, state, texts)
    numbers = {old: new for new, old in enumerate(sorted(kept))}
    _renumber(state["model"], numbers, tokenizer.convert_ids_to_tokens(sorted(kept)))
    added = [one for one in state.get("added_tokens") or [] if one["id"] in numbers]
    state["added_tokens"] = [one | {"id": numbers[one["id"]]} for one in added]
    state["post_processor"] = None
    roles = {role: getattr(tokenizer, role) for role in ROLES if getattr(tokenizer, role, None)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)), model_max_length=512, **roles
    )


def _kept_ids(
    tokenizer: PreTrainedTokenizerFast, state: Mapping[str, Any], texts: Iterable[str]
) -> set[int]:
    kept = {one["id"] for one in state.get("added_tokens") or [] if one.get("special")}
    kept.update(tokenizer.all_special_ids)
    unknown = state["model"].get("unk_id")
    if isinstance(unknown, int):
        kept.add(unknown)
    for text in texts:
        for word in text.lower().split():
            kept.update(tokenizer(word, add_special_tokens=False, verbose=False)["input_ids"])
    if state["model"].get("merges"):
        kept.update(i for piece, i in tokenizer.get_vocab().items() if len(piece) == 1)
    return kept


def _renumber(model: dict[str, Any], numbers: Mapping[int, int], tokens: list[str]) -> None:
    vocabulary = model["vocab"]
    if isinstance(vocabulary, list):
        model["vocab"] = [vocabulary[old] for old in sorted(numbers) if old < len(vocabulary)]
        if isinstance(model.get("unk_id"), int):
            model["unk_id"] = numbers[model["unk_id"]]
    else:
        model["vocab"] = {token: new for new, token in enumerate(tokens) if token in vocabulary}
    if "merges" in model:
        model["merges"] = []
