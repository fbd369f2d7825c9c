"""Subtokens: how many an encoder takes, what the prompt costs, and hiding some while training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from encswap.gliner.model import architecture_of
from encswap.gliner.schema import schema_for

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def collate(
    model: PreTrainedModel, items: list[tuple[str, dict[str, Any]]], *, training: bool
) -> Any:
    """Collate texts with their schemas into gliner2's batch."""
    processor, architecture = model.processor, architecture_of(model)
    if training:
        return processor.collate_fn_train(
            items,
            architecture=architecture,
            max_gold_per_query=getattr(model.config, "boundary_head", {}).get(
                "max_gold_per_query", 32
            ),
            # Gold goes in by offsets: a mention inside another one is meant.
            dedupe_contained_entity_spans=False,
        )
    return processor.collate_fn_inference(items, error_policy="raise", architecture=architecture)


def position_limit(model: PreTrainedModel, wanted: int) -> int:
    """The most subtokens the encoder takes, at most `wanted`.

    Position ids of some classes start behind the padding id, so their table holds fewer texts'
    worth of places than it has rows.
    """
    config = model.encoder.config
    rows = getattr(config, "max_position_embeddings", None)
    table = getattr(getattr(model.encoder, "embeddings", None), "position_embeddings", None)
    if rows is None or table is None:
        return wanted
    padding = getattr(table, "padding_idx", None)
    usable = int(rows) - (padding + 1 if padding is not None else 0)
    return min(wanted, usable)


def prompt_length(
    model: PreTrainedModel,
    labels: Sequence[str],
    descriptions: Mapping[str, str],
    tasks: Mapping[str, Any] | None = None,
) -> int:
    """Subtokens of the schema prompt, and of the full stop that gliner2 may append."""
    schema = schema_for(labels, descriptions=descriptions, tasks=tasks)
    if not labels and not tasks:
        return 0
    return len(model.processor.transform_record(".", schema).input_ids)


def subtoken_counter(model: PreTrainedModel) -> Callable[[str], int]:
    """Count the subtokens of one unit: lower-cased and alone, or by the model's own form."""
    forms = model.processor.forms

    def count(unit: str) -> int:
        return max(1, *(len(pieces) for pieces in forms(unit)))

    return count


def used_ids(
    model: PreTrainedModel,
    units: Iterable[str],
    labels: Sequence[str],
    descriptions: Mapping[str, str],
    tasks: Iterable[Mapping[str, Any]] = (),
) -> set[int]:
    """Collect the ids of the subtokens that units and schema prompts are made of."""
    processor = model.processor
    texts = {"."}
    pieces = {piece for unit in units for form in processor.forms(unit) for piece in form}
    # gliner2 trains with and without descriptions, and renames labels to "entity 1", "entity 2".
    for described in ({}, descriptions) if labels else ():
        record = processor.transform_record(".", schema_for(labels, descriptions=described))
        texts.update(token for tokens in record.schema_tokens_list for token in tokens)
    texts.update(f"entity {number + 1}" for number in range(len(labels)))
    for task in {repr(one): one for one in tasks}.values():
        record = processor.transform_record(".", schema_for((), tasks=task))
        spoken = {text for tokens in record.schema_tokens_list for text in tokens}
        texts |= (
            spoken | {f"label {n}" for n in range(1, 21)} | {f"field {n}" for n in range(1, 21)}
        )
        texts.update(record.text_tokens)
    pieces |= {piece for text in texts for piece in processor._tokenize_cached(text)}
    ends = {*processor.reader.begin, *processor.reader.end}
    return ends | set(processor.tokenizer.convert_tokens_to_ids(sorted(pieces)))


def mask_subtokens(
    model: PreTrainedModel, batch: Any, share: float, generator: torch.Generator
) -> None:
    """Hide a share of the text's subtokens behind the mask token, or the unknown one, in place.

    Word dropout (Iyyer et al., 2015): what a name is must then also be read from its context. The
    schema prompt stays whole.
    """
    import torch

    tokenizer = model.processor.tokenizer
    hidden = tokenizer.mask_token_id
    if hidden is None:
        hidden = tokenizer.unk_token_id
    places = torch.arange(batch.input_ids.shape[1])
    words = torch.where(batch.text_word_mask, batch.text_word_indices, len(places))
    # The choices of a structure's fields go before the text's own words.
    before = [
        len(one) - len(two)
        for one, two in zip(batch.text_tokens, batch.start_mappings, strict=True)
    ]
    text = words.sort(dim=1).values.gather(1, torch.tensor(before)[:, None])
    text = (places >= text) & batch.attention_mask.bool()
    if end := model.processor.reader.end:
        text &= places < batch.attention_mask.sum(dim=1, keepdim=True) - len(end)
    batch.input_ids[text & (torch.rand(batch.input_ids.shape, generator=generator) < share)] = (
        hidden
    )
