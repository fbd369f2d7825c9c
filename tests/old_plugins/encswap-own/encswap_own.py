"""org/own-model as an encoder for encswap."""

from __future__ import annotations

from collections.abc import Callable

from encswap import EncoderSpec, Fact, hookimpl

ENCSWAP_API = 1
DATE = "2026-11-26"

SPEC = EncoderSpec(
    name="own",
    hub_id="org/own-model",
    word_splitter="whitespace",
    facts={
        "config": Fact(
            {
                "add_cross_attention": False,
                "architectures": ["RobertaModel"],
                "attention_probs_dropout_prob": 0.1,
                "bos_token_id": 0,
                "classifier_dropout": None,
                "eos_token_id": 2,
                "hidden_act": "gelu",
                "hidden_dropout_prob": 0.1,
                "hidden_size": 96,
                "initializer_range": 0.02,
                "intermediate_size": 384,
                "is_decoder": False,
                "layer_norm_eps": 1e-05,
                "max_position_embeddings": 514,
                "model_type": "roberta",
                "num_attention_heads": 3,
                "num_hidden_layers": 2,
                "pad_token_id": 1,
                "tie_word_embeddings": True,
                "type_vocab_size": 1,
                "use_cache": True,
                "vocab_size": 2000,
            },
            "V",
            DATE,
            "config.json",
        ),
        "config_class": Fact("RobertaConfig", "V", DATE, "config.json"),
        "architecture": Fact("Roberta", "V", DATE, "config.json"),
        "parameters": Fact(474624, "R", DATE, "counted on the meta device from these fields"),
        "tokenizer": Fact(
            {
                "model": "WordPiece",
                "length": 2000,
                "class": "TokenizersBackend",
                "special_tokens": {
                    "[CLS]": 0,
                    "[PAD]": 1,
                    "[SEP]": 2,
                    "[UNK]": 3,
                    "[MASK]": 4,
                },
            },
            "V",
            DATE,
            "its tokenizer files",
        ),
        "layout": Fact("encoder", "V", DATE, "its files"),
    },
)


@hookimpl
def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
    """Register the encoder."""
    register(SPEC)
