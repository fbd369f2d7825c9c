"""KLUE-RoBERTa base."""

from __future__ import annotations

from collections.abc import Callable

from encswap import Claim, EncoderSpec, Fact, hookimpl

ENCSWAP_API = 1
DATE = "2026-11"
PLAN = "plan 2.1"

SPEC = EncoderSpec(
    name="klue-roberta",
    hub_id="klue/roberta-base",
    word_splitter="kiwi",
    facts={
        "config": Fact(
            {
                "model_type": "roberta",
                "architectures": ["RobertaForMaskedLM"],
                "vocab_size": 32000,
                "hidden_size": 768,
                "num_hidden_layers": 12,
                "num_attention_heads": 12,
                "intermediate_size": 3072,
                "max_position_embeddings": 514,
                "type_vocab_size": 1,
                "pad_token_id": 1,
                "bos_token_id": 0,
                "eos_token_id": 2,
                "layer_norm_eps": 1e-5,
            },
            "M",
            DATE,
        ),
        "config_class": Fact("RobertaConfig", "M", DATE),
        "architecture": Fact("RoBERTa", "M", DATE),
        "tokenizer": Fact(
            {
                "model": "WordPiece",
                "length": 32000,
                "class": "BertTokenizer",
                "special_tokens": {"[CLS]": 0, "[PAD]": 1, "[SEP]": 2, "[UNK]": 3, "[MASK]": 4},
                "subtokens_per_word": 2.35,
            },
            "T",
            DATE,
            "one comparison on 1,031 eojeol",
        ),
        "parameters": Fact(110_618_112, "R", DATE, "counted on the meta device from these fields"),
        "licence": Fact(
            None, "V", DATE, "the model page shows no tag; the KLUE data is CC-BY-SA-4.0"
        ),
        "published_scores": Fact({"KLUE-NER entity F1": 84.60}, "V", DATE, "KLUE README"),
        "layout": Fact("encoder", "M", DATE),
    },
    claims={
        "architecture": Claim("RoBERTa", "RoBERTa", PLAN),
        "parameters": Claim("111M", 111_000_000, PLAN),
        "hidden_size": Claim("768", 768, PLAN),
        "config_class": Claim("RobertaConfig", "RobertaConfig", PLAN),
        "rejected": Claim(
            "RoBERTa 아키텍처 ≠ DeBERTa. 동일 사유"
            " (another architecture, for the same reason as ELECTRA)",
            None,
            "plan 2.2",
        ),
    },
)


@hookimpl
def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
    """Register the encoder."""
    register(SPEC)
