"""mDeBERTa v3 base, trained further on Korean."""

from __future__ import annotations

from collections.abc import Callable

from encswap import EncoderSpec, Fact, hookimpl

ENCSWAP_API = 1
DATE = "2026-11"

SPEC = EncoderSpec(
    name="mdeberta-ko",
    hub_id="lighthouse/mdeberta-v3-base-kor-further",
    word_splitter="kiwi",
    facts={
        "config": Fact(
            {
                "model_type": "deberta-v2",
                "architectures": ["DebertaV2ForMaskedLM"],
                "vocab_size": 251000,
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
            },
            "M",
            DATE,
        ),
        "config_class": Fact("DebertaV2Config", "M", DATE),
        "architecture": Fact("DeBERTa V2", "M", DATE),
        "tokenizer": Fact(
            {
                "model": "Unigram",
                "length": 250102,
                "class": "DebertaV2Tokenizer",
                "special_tokens": {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3},
            },
            "M",
            DATE,
        ),
        "parameters": Fact(278_218_752, "R", DATE, "counted on the meta device from these fields"),
        "licence": Fact("mit", "V", DATE, "model page"),
        "layout": Fact("encoder", "M", DATE),
    },
)


@hookimpl
def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
    """Register the encoder."""
    register(SPEC)
