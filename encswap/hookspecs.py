"""Every hook of encswap, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

from encswap.types import (
    AdaptedEmbeddings,
    CheckContext,
    EmbeddingTable,
    EncoderSpec,
    Finding,
    LoadedEncoder,
    ParamGroup,
    ParamGroupSettings,
    Register,
    RegisterSplitter,
    Source,
    Subject,
)

if TYPE_CHECKING:
    import torch

PROJECT = "encswap"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_encoders(register: Register) -> None:
    """Register encoders, and bases, with `register(EncoderSpec(...))`."""


@hookspec
def register_word_splitters(register: RegisterSplitter) -> None:
    """Register word splitters with `register(name, factory)`."""


@hookspec(firstresult=True)
def load_encoder(spec: EncoderSpec, source: Source) -> LoadedEncoder | None:
    """Load the encoder and tokenizer in `source`; None leaves it to the next plugin."""


@hookspec
def check_compatibility(
    base: Subject, candidate: Subject, context: CheckContext
) -> list[Finding] | None:
    """Judge how the candidate fits the base; the findings of all plugins are kept."""


@hookspec(firstresult=True)
def adapt_embeddings(
    base: EmbeddingTable, candidate: EmbeddingTable, method: str, generator: torch.Generator
) -> AdaptedEmbeddings | None:
    """Give the marker rows of the candidate's embeddings their start; None where not `method`."""


@hookspec(firstresult=True)
def build_param_groups(
    model: torch.nn.Module, settings: ParamGroupSettings
) -> list[ParamGroup] | None:
    """Divide the trainable parameters into the optimizer's groups, each parameter in one."""
