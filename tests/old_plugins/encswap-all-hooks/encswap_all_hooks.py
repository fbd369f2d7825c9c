"""Every hook of encswap, implemented once."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from encswap import (
    AdaptedEmbeddings,
    CheckContext,
    EmbeddingTable,
    EncoderSpec,
    EncswapError,
    Fact,
    Finding,
    LoadedEncoder,
    ParamGroup,
    ParamGroupSettings,
    Source,
    Subject,
    hookimpl,
)

if TYPE_CHECKING:
    import torch

ENCSWAP_API = 1
DATE = "2026-11"
ACCEPTED = ("apache-2.0", "mit", "bsd-3-clause")
DECAY_VARIABLE = "SAMPLE_LAYER_DECAY"
UNIT = re.compile(r"[^\W\d_]+|\d+|\S")
LAYER = re.compile(r"encoder\..*?layers?\.(\d+)\.")

SPEC = EncoderSpec(
    name="sample-encoder",
    hub_id="example/sample-encoder",
    word_splitter="scripts",
    facts={
        "config": Fact(
            {
                "model_type": "bert",
                "vocab_size": 30000,
                "hidden_size": 768,
                "num_hidden_layers": 12,
                "num_attention_heads": 12,
                "intermediate_size": 3072,
                "max_position_embeddings": 512,
                "pad_token_id": 0,
            },
            "R",
            DATE,
            "made for this sample",
        ),
        "config_class": Fact("BertConfig", "R", DATE),
        "architecture": Fact("BERT", "R", DATE),
        "tokenizer": Fact({"model": "WordPiece", "length": 30000}, "R", DATE),
        "licence": Fact("apache-2.0", "R", DATE),
        "layout": Fact("encoder", "R", DATE),
    },
)


@hookimpl
def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
    """Register the encoder."""
    register(SPEC)


@hookimpl
def register_word_splitters(register: Callable[[str, Callable[..., Any]], None]) -> None:
    """Register the splitter by its factory, which is called when somebody asks for it."""
    register("scripts", ScriptSplitter)


class ScriptSplitter:
    """Cut runs of letters, runs of digits, and every other character alone."""

    def __call__(self, text: str, lower: bool = True) -> Iterator[tuple[str, int, int]]:
        """Yield the units of `text` in order."""
        for found in UNIT.finditer(text):
            token = found.group()
            yield (token.lower() if lower else token), found.start(), found.end()


@hookimpl
def load_encoder(spec: EncoderSpec, source: Source) -> LoadedEncoder | None:
    """Load this package's own encoder; every other one is left to the next plugin."""
    if spec.name != SPEC.name:
        return None
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(source.path)
    model, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    if report["missing_keys"]:
        raise EncswapError(f"{spec.name}: weights are missing", where=source.path)
    return LoadedEncoder(model.to(torch.float32), AutoTokenizer.from_pretrained(folder))


@hookimpl
def check_compatibility(
    base: Subject, candidate: Subject, context: CheckContext
) -> list[Finding] | None:
    """Say whether the licence is one that this house accepts."""
    licence = candidate.spec.fact("licence")
    if licence is None:
        return None
    status = "pass" if licence in ACCEPTED else "warn"
    return [Finding("sample-licence", status, "facts", f"{licence}, accepted: {ACCEPTED}")]


@hookimpl
def adapt_embeddings(
    base: EmbeddingTable, candidate: EmbeddingTable, method: str, generator: torch.Generator
) -> AdaptedEmbeddings | None:
    """Start each marker as the mean of the pieces of its own name: [OUTPUT] as "output"."""
    if method != "spelled-out":
        return None
    weight = candidate.weight.clone()
    for token, row in candidate.markers.items():
        name = token.strip("[]").replace("_", " ").lower()
        pieces = candidate.tokenizer(name, add_special_tokens=False)["input_ids"]
        weight[row] = candidate.weight[pieces].mean(dim=0)
    return AdaptedEmbeddings(
        weight, {"kept": len(weight) - len(candidate.markers), method: len(candidate.markers)}
    )


@hookimpl
def build_param_groups(
    model: torch.nn.Module, settings: ParamGroupSettings
) -> list[ParamGroup] | None:
    """Lower the rate of each layer below the last by a factor; None where none is asked for."""
    factor = os.environ.get(DECAY_VARIABLE)
    if factor is None:
        return None
    named = [(name, one) for name, one in model.named_parameters() if one.requires_grad]
    top = max(depth_of(name) for name, _ in named)
    divided = defaultdict(list)
    for name, one in named:
        divided[name.startswith("encoder."), depth_of(name)].append((name, one))
    return [
        ParamGroup(
            name=f"encoder, depth {depth}" if encoder else "heads",
            parameters=tuple(parameters),
            learning_rate=settings.encoder_lr * float(factor) ** (top - depth)
            if encoder
            else settings.head_lr,
            weight_decay=settings.weight_decay,
        )
        for (encoder, depth), parameters in sorted(divided.items(), key=lambda item: item[0])
    ]


def depth_of(name: str) -> int:
    """How far up a parameter is: embeddings and heads are at 0, the first layer at 1."""
    found = LAYER.match(name)
    return int(found.group(1)) + 1 if found else 0
