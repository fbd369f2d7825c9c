"""Korean DeBERTa-v3 base: the encoder that the plan selects."""

from __future__ import annotations

from collections.abc import Callable

from encswap import Claim, EncoderSpec, Fact, hookimpl

ENCSWAP_API = 1
DATE = "2026-11"
REPLICA = "config.json of a public fine-tune that names this model as its origin"
PLAN = "plan 2.1"

SPEC = EncoderSpec(
    name="ko-deberta",
    hub_id="team-lucid/deberta-v3-base-korean",
    word_splitter="kiwi",
    facts={
        "config": Fact(
            {
                "model_type": "deberta-v2",
                "architectures": ["DebertaV2Model"],
                "vocab_size": 64100,
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
            REPLICA,
        ),
        "config_class": Fact("DebertaV2Config", "D", DATE, REPLICA),
        "architecture": Fact("DeBERTa V2", "D", DATE, REPLICA),
        "tokenizer": Fact(
            {
                "model": "WordPiece",
                "length": 64001,
                "class": "DebertaV2Tokenizer",
                "special_tokens": {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3},
            },
            "D",
            DATE,
            "tokenizer files of a public fine-tune; it is declared as a SentencePiece class but"
            " ships a WordPiece tokenizer.json and no spm.model",
        ),
        "parameters": Fact(134_679_552, "R", DATE, "counted on the meta device from these fields"),
        "licence": Fact("apache-2.0", "V", DATE, "model page"),
        "layout": Fact("encoder", "D", DATE, REPLICA),
    },
    claims={
        "architecture": Claim("DeBERTa V2", "DeBERTa V2", PLAN),
        "parameters": Claim("131M", 131_000_000, PLAN),
        "hidden_size": Claim("768", 768, PLAN),
        "config_class": Claim("DebertaV2Config", "DebertaV2Config", PLAN),
        "selected": Claim(
            "동일 아키텍처 (DebertaV2Config, hidden=768, 12 layers). head weights 재활용 가능"
            " (same architecture; the head weights can be reused)",
            None,
            "plan 2.2",
        ),
        "only": Claim("유일한 실현 가능한 선택 (the only feasible choice)", None, "plan 2.3"),
    },
)


@hookimpl
def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
    """Register the encoder."""
    register(SPEC)
