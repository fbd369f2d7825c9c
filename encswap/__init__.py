"""encswap: swap the encoder of a GLiNER2 model, with evidence."""

from __future__ import annotations

import sys
from types import ModuleType
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
    from encswap.api import check, evaluate, predict, swap, train
    from encswap.hookspecs import hookimpl
    from encswap.specs import read_encoders
    from encswap.swap.checkpoint import load

__version__ = "0.1.0"
API_VERSION = 1  # of what plugins see: these names, the hooks, encswap.testing
_LAZY = {
    "predict": "encswap.api",
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
    "check",
    "evaluate",
    "hookimpl",
    "load",
    "predict",
    "read_encoders",
    "swap",
    "train",
]
_CALLABLE = ("check", "evaluate", "swap", "train")
"""Rooms that are functions of the API too: `encswap.train(…)` and `encswap.train.run`."""


class CallableModule(ModuleType):
    """A room that can be called: it calls the API's function of its name."""

    @property
    def _function(self) -> Any:
        import importlib

        return getattr(importlib.import_module("encswap.api"), self.__name__.rpartition(".")[2])

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._function(*arguments, **options)

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(self._function)


class _Package(ModuleType):
    """This package: a room becomes callable as the import system puts it here, in any order."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CALLABLE and isinstance(value, ModuleType):
            value.__class__ = CallableModule
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    import importlib

    if name in (*_CALLABLE, "api", "runtime"):
        return importlib.import_module(f"encswap.{name}")
    if name not in _LAZY:
        raise AttributeError(f"module 'encswap' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value
