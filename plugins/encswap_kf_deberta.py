"""KF-DeBERTa base: a Korean DeBERTa of the financial domain."""

from __future__ import annotations

from collections.abc import Callable

from encswap import EncoderSpec, Fact, hookimpl

ENCSWAP_API = 1
DATE = "2026-11"

SPEC = EncoderSpec(
    name="kf-deberta",
    hub_id="kakaobank/kf-deberta-base",
    word_splitter="kiwi",
    facts={
        "config": Fact(
            {
                "model_type": "deberta-v2",
                "architectures": ["DebertaV2ForMaskedLM"],
                "vocab_size": 130000,
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
            "D",
            DATE,
            "config.json of a public fine-tune that names this model as its origin",
        ),
        "config_class": Fact("DebertaV2Config", "D", DATE),
        "architecture": Fact("DeBERTa V2", "D", DATE),
        "tokenizer": Fact(
            {
                "model": "WordPiece",
                "length": 130000,
                "class": "BertTokenizer",
                "special_tokens": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4},
                "subtokens_per_word": 2.14,
            },
            "T",
            DATE,
            "one comparison on 1,031 eojeol",
        ),
        "parameters": Fact(185_290_752, "R", DATE, "counted on the meta device from these fields"),
        "licence": Fact("mit", "V", DATE, "model page"),
        "published_scores": Fact({"KLUE-NER entity F1": 89.17}, "V", DATE, "its own README"),
        "layout": Fact("encoder", "D", DATE),
    },
)


@hookimpl
def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
    """Register the encoder."""
    register(SPEC)
