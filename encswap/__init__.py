"""encswap: swap the encoder of a GLiNER2 model, with evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encswap.errors import EncswapError
from encswap.types import (
    AdaptedEmbeddings,
    BaseSpec,
    CheckContext,
    Claim,
    EmbeddingTable,
    EncoderSpec,
    Example,
    Fact,
    Finding,
    LoadedEncoder,
    Mention,
    ParamGroup,
    ParamGroupSettings,
    Source,
    Subject,
    WordSplitter,
)

if TYPE_CHECKING:
    from encswap.hookspecs import hookimpl
    from encswap.specs import read_encoders
    from encswap.swap.checkpoint import load

__version__ = "0.1.0"
API_VERSION = 1  # of what plugins see: these names, the hooks, encswap.testing
_LAZY = {
    "hookimpl": "encswap.hookspecs",
    "load": "encswap.swap.checkpoint",
    "read_encoders": "encswap.specs",
}
__all__ = [
    "API_VERSION",
    "AdaptedEmbeddings",
    "BaseSpec",
    "CheckContext",
    "Claim",
    "EmbeddingTable",
    "EncoderSpec",
    "EncswapError",
    "Example",
    "Fact",
    "Finding",
    "LoadedEncoder",
    "Mention",
    "ParamGroup",
    "ParamGroupSettings",
    "Source",
    "Subject",
    "WordSplitter",
    "hookimpl",
    "load",
    "read_encoders",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'encswap' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value
