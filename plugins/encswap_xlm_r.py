"""XLM-RoBERTa base."""

from __future__ import annotations

from collections.abc import Callable

from encswap import Claim, EncoderSpec, Fact, hookimpl

ENCSWAP_API = 1
DATE = "2026-11"
PLAN = "plan 2.1"

SPEC = EncoderSpec(
    name="xlm-r",
    hub_id="FacebookAI/xlm-roberta-base",
    word_splitter="kiwi",
    facts={
        "config": Fact(
            {
                "model_type": "xlm-roberta",
                "architectures": ["XLMRobertaForMaskedLM"],
                "vocab_size": 250002,
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
        "config_class": Fact("XLMRobertaConfig", "M", DATE),
        "architecture": Fact("RoBERTa", "M", DATE),
        "tokenizer": Fact(
            {
                "model": "Unigram",
                "length": 250002,
                "class": "XLMRobertaTokenizer",
                "special_tokens": {
                    "<s>": 0,
                    "<pad>": 1,
                    "</s>": 2,
                    "<unk>": 3,
                    "<mask>": 250001,
                },
            },
            "M",
            DATE,
        ),
        "parameters": Fact(278_043_648, "R", DATE, "counted on the meta device from these fields"),
        "licence": Fact("mit", "M", DATE),
        "published_scores": Fact({"KLUE-NER entity F1": 80.37}, "V", DATE, "KLUE README"),
        "layout": Fact("encoder", "M", DATE),
    },
    claims={
        "architecture": Claim("RoBERTa", "RoBERTa", PLAN),
        "parameters": Claim("270M", 270_000_000, PLAN),
        "hidden_size": Claim("768", 768, PLAN),
        "config_class": Claim("XLMRobertaConfig", "XLMRobertaConfig", PLAN),
        "published_scores": Claim(
            "GLiNER v2.1에서 한국어 F1~65% 한계 (GLiNER v2.1 with it stays near F1 65% on Korean)",
            None,
            "plan 2.2",
        ),
        "rejected": Claim(
            "RoBERTa 아키텍처 (270M, 무거움). GLiNER v2.1에서 한국어 F1~65% 한계."
            " 아키텍처 불일치로 head 재활용 불가"
            " (another architecture, and heavy; GLiNER v2.1 with it stays near F1 65% on Korean;"
            " the heads cannot be reused)",
            None,
            "plan 2.2",
        ),
    },
)


@hookimpl
def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
    """Register the encoder."""
    register(SPEC)
