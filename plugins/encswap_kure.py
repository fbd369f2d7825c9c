"""KURE v1: a Korean sentence encoder for retrieval."""

from __future__ import annotations

from collections.abc import Callable

from encswap import Claim, EncoderSpec, Fact, hookimpl

ENCSWAP_API = 1
DATE = "2026-11"
PLAN = "plan 2.1"

SPEC = EncoderSpec(
    name="kure",
    hub_id="nlpai-lab/KURE-v1",
    word_splitter="kiwi",
    facts={
        "config": Fact(
            {
                "model_type": "xlm-roberta",
                "architectures": ["XLMRobertaModel"],
                "vocab_size": 250002,
                "hidden_size": 1024,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
                "intermediate_size": 4096,
                "max_position_embeddings": 8194,
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
        "architecture": Fact("Sentence Transformer", "V", DATE, "modules.json"),
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
        "parameters": Fact(567_754_752, "R", DATE, "counted on the meta device from these fields"),
        "licence": Fact("mit", "V", DATE, "model page"),
        "layout": Fact(
            "sentence-embedding", "V", DATE, "modules.json: Transformer → Pooling(CLS) → Normalize"
        ),
    },
    claims={
        "architecture": Claim("Sentence Transformer", "Sentence Transformer", PLAN),
        "hidden_size": Claim("1024 (문장 벡터, a sentence vector)", 1024, PLAN),
        "layout": Claim(
            "구조적 불가 (structurally impossible)",
            None,
            "plan 2.2",
        ),
        "rejected": Claim(
            "Sentence Transformer (문장 → 벡터 1개). NER은 토큰별 벡터가 필요. 구조적 불가"
            " (one vector per sentence, while NER needs one per token; structurally impossible)",
            None,
            "plan 2.2",
        ),
    },
)


@hookimpl
def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
    """Register the encoder."""
    register(SPEC)
