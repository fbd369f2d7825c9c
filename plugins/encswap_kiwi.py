"""The word splitter `kiwi`: the surface of Korean morphemes, cut by the analyser Kiwi in context.

Needs kiwipiepy (https://github.com/bab2min/kiwipiepy), the extra `korean`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from encswap import EncswapError, hookimpl

Unit = tuple[str, int, int]


@hookimpl
def register_word_splitters(register: Any) -> None:
    """Register the splitter `kiwi`; kiwipiepy is imported when it is built."""
    register("kiwi", KiwiSplitter)


class KiwiSplitter:
    """Cut Korean text into the surface spans of its morphemes; spans that overlap are one unit."""

    def __init__(self, user_dictionary: str | Path | None = None) -> None:
        self.user_dictionary = user_dictionary
        self._kiwi  # noqa: B018  a missing package is told of now, not in the first text

    def __call__(self, text: str, lower: bool = True) -> Iterator[Unit]:
        """Yield the units of `text` in order."""
        for start, end in _units(text, self._kiwi.tokenize(_readable(text))):
            token = text[start:end]
            yield (token.lower() if lower else token), start, end

    def many(self, texts: Iterable[str]) -> Iterator[list[Unit]]:
        """Yield the units of each text, in order; Kiwi works on all cores."""
        for text in texts:
            yield list(self(text, False))

    def describe(self) -> dict[str, Any]:
        """Name what the units depend on: options, and the versions of Kiwi and of its model."""
        import kiwipiepy
        import kiwipiepy_model

        return {
            "name": "kiwi",
            "options": {"user_dictionary": str(self.user_dictionary or "") or None},
            "kiwipiepy": kiwipiepy.__version__,
            "model": kiwipiepy_model.__version__,
        }

    def __getstate__(self) -> dict[str, Any]:
        return {"user_dictionary": self.user_dictionary}

    @cached_property
    def _kiwi(self) -> Any:
        try:
            from kiwipiepy import Kiwi
        except ImportError as error:
            raise EncswapError(
                "the splitter 'kiwi' needs kiwipiepy", hint='pip install "encswap[korean]"'
            ) from error
        return Kiwi()


def _readable(text: str) -> str:
    """Return the text with a sign in place of each lone surrogate, which Kiwi cannot take."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _units(text: str, tokens: Iterable[Any]) -> Iterator[tuple[int, int]]:
    place = 0
    start = end = 0
    for token in sorted(tokens, key=lambda one: one.start):
        if token.start < end:
            end = max(end, token.end)
            continue
        yield from _words(text, start, end)
        yield from _words(text, end, token.start)
        start, end = token.start, max(token.end, token.start)
    yield from _words(text, start, end)
    yield from _words(text, max(end, place), len(text))


def _words(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the runs without white space in `text[start:end]`."""
    first = start
    for place in range(start, end):
        if text[place].isspace():
            if first < place:
                yield first, place
            first = place + 1
    if first < end:
        yield first, end
