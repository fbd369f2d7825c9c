"""The base model behind one door: every touch of a gliner2 model's inside is in this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encswap.hookspecs import hookimpl

if TYPE_CHECKING:
    from encswap.domain import RegisterSplitter, WordSplitter


@hookimpl
def register_word_splitters(register: RegisterSplitter) -> None:
    """Register the splitters that gliner2 ships."""
    register("whitespace", _whitespace)
    register("char", _char)


def _whitespace() -> WordSplitter:
    from gliner2.processing.word_splitter import WhitespaceTokenSplitter

    splitter: WordSplitter = WhitespaceTokenSplitter()
    return splitter


def _char() -> WordSplitter:
    from gliner2.processing.word_splitter import CharLevelSplitter

    splitter: WordSplitter = CharLevelSplitter()
    return splitter
