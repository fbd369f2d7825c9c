"""KoELECTRA base v3, the discriminator."""

from __future__ import annotations

from collections.abc import Callable

from encswap import Claim, EncoderSpec, Fact, hookimpl

ENCSWAP_API = 1
DATE = "2026-11"
PLAN = "plan 2.1"

SPEC = EncoderSpec(
    name="koelectra",
    hub_id="monologg/koelectra-base-v3-discriminator",
    word_splitter="kiwi",
    facts={
        "config": Fact(
            {
                "model_type": "electra",
                "architectures": ["ElectraForPreTraining"],
                "vocab_size": 35000,
                "embedding_size": 768,
                "hidden_size": 768,
                "num_hidden_layers": 12,
                "num_attention_heads": 12,
                "intermediate_size": 3072,
                "max_position_embeddings": 512,
                "type_vocab_size": 2,
                "pad_token_id": 0,
                "layer_norm_eps": 1e-12,
            },
            "M",
            DATE,
        ),
        "config_class": Fact("ElectraConfig", "M", DATE),
        "architecture": Fact("ELECTRA", "M", DATE),
        "tokenizer": Fact(
            {
                "model": "WordPiece",
                "length": 35000,
                "class": "ElectraTokenizer",
                "special_tokens": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4},
                "subtokens_per_word": 2.39,
            },
            "T",
            DATE,
            "one comparison on 1,031 eojeol",
        ),
        "parameters": Fact(112_330_752, "R", DATE, "counted on the meta device from these fields"),
        "licence": Fact("apache-2.0", "V", DATE, "model page"),
        "published_scores": Fact({"KLUE-NER entity F1": 86.11}, "V", DATE, "KLUE README"),
        "layout": Fact("encoder", "M", DATE),
    },
    claims={
        "architecture": Claim("ELECTRA", "ELECTRA", PLAN),
        "parameters": Claim("110M", 110_000_000, PLAN),
        "hidden_size": Claim("768", 768, PLAN),
        "config_class": Claim("ElectraConfig", "ElectraConfig", PLAN),
        "rejected": Claim(
            "ELECTRA 아키텍처 ≠ DeBERTa. pretrained head weights 재활용 불가."
            " 696건으로 head를 from-scratch 학습 불가능"
            " (another architecture: the heads cannot be reused, and 696 examples cannot train"
            " new ones)",
            None,
            "plan 2.2",
        ),
    },
)


@hookimpl
def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
    """Register the encoder."""
    register(SPEC)
