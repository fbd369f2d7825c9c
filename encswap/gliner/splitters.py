"""The word splitters that gliner2 ships, registered like anyone's."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.hookspecs import hookimpl

if TYPE_CHECKING:
    from encswap.types import RegisterSplitter, WordSplitter


@hookimpl
def register_word_splitters(register: RegisterSplitter) -> None:
    """Register the splitters that gliner2 ships."""
    register("whitespace", _whitespace)
    register("char", _char)


def _whitespace() -> WordSplitter:
    splitter: WordSplitter = _splitter_module().WhitespaceTokenSplitter()
    return splitter


def _char() -> WordSplitter:
    splitter: WordSplitter = _splitter_module().CharLevelSplitter()
    return splitter


@lru_cache(maxsize=1)
def _splitter_module() -> Any:
    """Load gliner2's splitters from their file: their package imports torch, they need none."""
    package = find_spec("gliner2")
    assert package is not None and package.submodule_search_locations
    path = Path(package.submodule_search_locations[0]) / "processing" / "word_splitter.py"
    spec = spec_from_file_location("encswap._gliner2_word_splitter", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
