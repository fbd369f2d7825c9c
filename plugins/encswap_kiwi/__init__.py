"""The word splitter `kiwi`: the surface of Korean morphemes, cut by the analyser Kiwi in context.

Needs kiwipiepy (https://github.com/bab2min/kiwipiepy), the extra `korean`.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from encswap import hookimpl
from encswap_kiwi.cuts import Span, units_of
from encswap_kiwi.dictionary import load_kiwi, read_dictionary
from encswap_kiwi.reading import Reading

ENCSWAP_API = 1
Unit = tuple[str, int, int]


@hookimpl
def register_word_splitters(register: Any) -> None:
    """Register the splitter `kiwi`; kiwipiepy is imported when it is built."""
    register("kiwi", KiwiSplitter)


class KiwiSplitter:
    """Cut Korean text into units; `user_dictionary` is a file in Kiwi's format (word TAB tag)."""

    def __init__(self, user_dictionary: str | Path | None = None) -> None:
        self.user_dictionary = Path(user_dictionary) if user_dictionary is not None else None
        self._words = read_dictionary(self.user_dictionary)
        self._kiwi = load_kiwi(self.user_dictionary)
        self._process = os.getpid()

    def __call__(self, text: str, lower: bool = True) -> Iterator[Unit]:
        """Yield the units of `text` in order; offsets are of `text` as it is given."""
        reading = Reading.of(text)
        for portion in reading.portions:
            reading.add(self._kiwi.tokenize(portion))
        for start, end in units_of(reading, self._words):
            token = text[start:end]
            yield (token.lower() if lower else token), start, end

    def many(self, texts: Iterable[str]) -> Iterator[list[Unit]]:
        """Yield the units of each text, in order and in their own case; Kiwi uses all cores."""
        if self._process != os.getpid():
            # Kiwi's threads do not survive a fork.
            yield from (list(self(text, False)) for text in texts)
            return
        waiting: deque[Reading] = deque()

        def portions() -> Iterator[str]:
            for text in texts:
                waiting.append(Reading.of(text))
                yield from waiting[-1].portions

        for tokens in self._kiwi.tokenize(portions()):
            waiting[0].add(tokens)
            if waiting[0].done:
                read = waiting.popleft()
                yield [(read.text[a:b], a, b) for a, b in units_of(read, self._words)]

    def sentences(self, text: str) -> list[Span]:
        """List the spans of the sentences of `text`."""
        reading = Reading.of(text)
        return [
            (reading.origins[start + one.start], reading.origins[start + one.end])
            for start, portion in zip(reading.starts, reading.portions, strict=True)
            for one in self._kiwi.split_into_sents(portion)
        ]

    def describe(self) -> dict[str, Any]:
        """Tell what the units depend on: the options, the analyser's and the model's version."""
        from importlib.metadata import version

        dictionary = self.user_dictionary
        described: dict[str, Any] = {
            "name": "kiwi",
            "options": {} if dictionary is None else {"user_dictionary": str(dictionary)},
            "kiwipiepy": version("kiwipiepy"),
            "model": version("kiwipiepy_model"),
        }
        if dictionary is not None:
            digest = hashlib.sha256(dictionary.read_bytes()).hexdigest()
            described["user_dictionary_sha256"] = digest
        return described

    def __reduce__(self) -> tuple[Any, ...]:
        return KiwiSplitter, (self.user_dictionary,)
