"""example/my-model as an encoder for encswap."""

from __future__ import annotations

from collections.abc import Callable

from encswap import EncoderSpec, Fact, Finding, Subject, hookimpl

ENCSWAP_API = 1
DATE = "2026-11-23"

SPEC = EncoderSpec(
    name="my-encoder",
    hub_id="example/my-model",
    word_splitter="char",
    facts={
        "config": Fact(
            {
                "model_type": "deberta-v2",
                "architectures": ["DebertaV2Model"],
                "vocab_size": 1251,
                "hidden_size": 768,
                "num_hidden_layers": 12,
                "num_attention_heads": 12,
                "intermediate_size": 3072,
                "max_position_embeddings": 512,
                "type_vocab_size": 0,
                "pad_token_id": 0,
                "layer_norm_eps": 1e-07,
                "relative_attention": True,
                "max_relative_positions": -1,
                "position_buckets": 256,
                "pos_att_type": ["p2c", "c2p"],
                "norm_rel_ebd": "layer_norm",
                "share_att_key": True,
                "position_biased_input": False,
            },
            "V",
            DATE,
            "config.json",
        ),
        "config_class": Fact("DebertaV2Config", "V", DATE, "config.json"),
        "architecture": Fact("DebertaV2", "V", DATE, "config.json"),
        "parameters": Fact(86411520, "R", DATE, "counted on the meta device from these fields"),
        "tokenizer": Fact(
            {
                "model": "WordPiece",
                "length": 1251,
                "class": "TokenizersBackend",
                "special_tokens": {
                    "[PAD]": 0,
                    "[CLS]": 1,
                    "[SEP]": 2,
                    "[UNK]": 3,
                },
            },
            "V",
            DATE,
            "its tokenizer files",
        ),
        "licence": Fact("apache-2.0", "V", DATE, "README.md"),
        "layout": Fact("encoder", "V", DATE, "its files"),
    },
)


@hookimpl
def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
    """Register the encoder."""
    register(SPEC)


@hookimpl
def check_compatibility(candidate: Subject) -> list[Finding]:
    """Say whether the licence is known."""
    licence = candidate.spec.fact("licence")
    status = "pass" if licence else "warn"
    return [Finding("my-licence", status, "facts", f"licence: {licence or 'not recorded'}")]
