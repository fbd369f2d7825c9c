"""gliner_ko: a whole Korean GLiNER v1 model."""

from __future__ import annotations

from collections.abc import Callable

from encswap import Claim, EncoderSpec, Fact, hookimpl

ENCSWAP_API = 1
DATE = "2026-11"
PLAN = "plan 2.1"

SPEC = EncoderSpec(
    name="gliner-ko",
    hub_id="taeminlee/gliner_ko",
    word_splitter="kiwi",
    facts={
        "architecture": Fact("GLiNER v1 model", "V", DATE, "gliner_config.json"),
        "parameters": Fact(303_000_000, "T", DATE, "1.21 GB of float32 weights, about 0.3B"),
        "weights_bytes": Fact(1_210_000_000, "T", DATE, "model page"),
        "licence": Fact("cc-by-nc-4.0", "V", DATE, "model page"),
        "published_scores": Fact({"its own KONNE set, F1": 76.0}, "T", DATE),
        "layout": Fact("complete-model", "V", DATE, "gliner_config.json"),
    },
    claims={
        "architecture": Claim("GLiNER v1 완성 모델 (a complete GLiNER v1 model)", None, PLAN),
        "parameters": Claim("~110M", 110_000_000, PLAN),
        "hidden_size": Claim("768", 768, PLAN),
        "rejected": Claim(
            "GLiNER v1 완성 모델. GLiNER2의 스키마 인터페이스(엔티티 설명, 다중 태스크) 포기해야 함"
            " (a complete GLiNER v1 model: to use it is to give up GLiNER2's schema interface,"
            " that is entity descriptions and several tasks)",
            None,
            "plan 2.2",
        ),
    },
)


@hookimpl
def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
    """Register the encoder."""
    register(SPEC)
