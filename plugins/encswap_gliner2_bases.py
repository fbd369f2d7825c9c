"""The official GLiNER2 models: the bases that a swap operates on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from encswap import BaseSpec, EncoderSpec, Fact, hookimpl

ENCSWAP_API = 1
DATE = "2026-11"
TABLE = "the table in the gliner2 2.1.0 package"

DEBERTA_V3: Mapping[str, Any] = {
    "model_type": "deberta-v2",
    "architectures": ["DebertaV2Model"],
    "vocab_size": 128100,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 0,
    "pad_token_id": 0,
    "layer_norm_eps": 1e-7,
    "relative_attention": True,
    "max_relative_positions": -1,
    "position_buckets": 256,
    "pos_att_type": ["p2c", "c2p"],
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "position_biased_input": False,
}
MULTILINGUAL = {"vocab_size": 251000}
LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}
XSMALL = {"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536}


def base(
    name: str,
    hub_id: str,
    encoder: str,
    *,
    size: int,
    heads: Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
    parameters: int | None = None,
) -> BaseSpec:
    """Describe one official base by its encoder and its heads."""
    multilingual = (changes or {}).get("vocab_size") == MULTILINGUAL["vocab_size"]
    facts = {
        "config": Fact({**DEBERTA_V3, **(changes or {})}, "M", DATE, encoder),
        "config_class": Fact("DebertaV2Config", "V", DATE, TABLE),
        "architecture": Fact("DeBERTa V2", "V", DATE, TABLE),
        "encoder": Fact(encoder, "V", DATE, TABLE),
        "tokenizer": Fact({"model": "Unigram", "class": "DebertaV2Tokenizer"}, "M", DATE),
        "model_parameters": Fact(size, "V", DATE, TABLE),
        "heads": Fact(dict(heads), "V", DATE, TABLE),
        "language": Fact("multi" if multilingual else "en", "V", DATE, TABLE),
        "layout": Fact("complete-model", "V", DATE, TABLE),
    }
    if parameters is not None:
        facts["parameters"] = Fact(parameters, "R", DATE, "counted on the meta device")
    return BaseSpec(name=name, hub_id=hub_id, facts=facts)


def span(counting_layer: str) -> dict[str, Any]:
    """Heads that score every span up to eight words wide."""
    return {"architecture": "span", "max_width": 8, "counting_layer": counting_layer}


BOUNDARY = {"architecture": "boundary"}
BASES = (
    base(
        "gliner2-base",
        "fastino/gliner2-base-v1",
        "microsoft/deberta-v3-base",
        size=205_000_000,
        heads=span("count_lstm_v2"),
        parameters=183_831_552,
    ),
    base(
        "gliner2-large",
        "fastino/gliner2-large-v1",
        "microsoft/deberta-v3-large",
        size=340_000_000,
        heads=span("count_lstm"),
        changes=LARGE,
    ),
    base(
        "gliner2-multi",
        "fastino/gliner2-multi-v1",
        "microsoft/mdeberta-v3-base",
        size=307_098_645,
        heads=span("count_lstm"),
        changes=MULTILINGUAL,
        parameters=278_218_752,
    ),
    base(
        "gliner2.5-small",
        "fastino/gliner2.5-small-v1",
        "microsoft/deberta-v3-xsmall",
        size=74_000_000,
        heads=BOUNDARY,
        changes=XSMALL,
    ),
    base(
        "gliner2.5-base",
        "fastino/gliner2.5-base-v1",
        "microsoft/deberta-v3-base",
        size=194_000_000,
        heads=BOUNDARY,
        parameters=183_831_552,
    ),
    base(
        "gliner2.5-multi",
        "fastino/gliner2.5-multi-v1",
        "microsoft/mdeberta-v3-base",
        size=287_000_000,
        heads=BOUNDARY,
        changes=MULTILINGUAL,
        parameters=278_218_752,
    ),
)


@hookimpl
def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
    """Register the bases."""
    for spec in BASES:
        register(spec)
