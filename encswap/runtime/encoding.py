"""Texts and labels as the graph's inputs, token for token as gliner2's processor writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encswap.data.units import gliner_text
from encswap.errors import InputError, SourceError
from encswap.gliner.markers import HINT, MARKERS, marker_in
from encswap.types import WordSplitter

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEPT = 50_000
OPEN, CLOSE, PARENT, ENTITY = "(", ")", "[P]", "[E]"
DESCRIPTION, TEXT = "[DESCRIPTION]", "[SEP_TEXT]"


@dataclass(frozen=True)
class Prompt:
    """A prompt as subtokens, with the places of [P] and of each label's [E]."""

    ids: tuple[int, ...]
    places: tuple[int, ...]


@dataclass(frozen=True)
class EncodedText:
    """A text as subtokens, the place of each word's first one, and where each word stands."""

    ids: tuple[int, ...]
    firsts: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]


class Encoding:
    """The tokenizer of an export: words and prompts as ids."""

    def __init__(self, path: Path, specials: Iterable[str], stand_in: str = "") -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:
            raise SourceError(f"is no tokenizer: {error}", where=path) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        # A second one that takes no text for a special token.
        self._literal = Tokenizer.from_str(self._tokenizer.to_str())
        self._literal.encode_special_tokens = True
        self._specials = frozenset(specials)
        self._special_ids = {self._tokenizer.token_to_id(one) for one in self._specials} - {None}
        found = self._tokenizer.token_to_id(stand_in) if stand_in else None
        self._stand_in = () if found is None else (found,)
        self.word_ids = lru_cache(maxsize=KEPT)(self._word_ids)
        self._ids = lru_cache(maxsize=KEPT)(self._plain_ids)
        self._prompt = lru_cache(maxsize=64)(self._prompt_of)

    def _plain_ids(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _word_ids(self, word: str) -> tuple[int, ...]:
        """Tokenise a word of a text; it never gives a special token."""
        return self._pieces(word) or self._stand_in

    def _pieces(self, word: str) -> tuple[int, ...]:
        ids = self._ids(word)
        if word not in MARKERS and self._special_ids.isdisjoint(ids):
            return ids
        ids = tuple(self._literal.encode(word, add_special_tokens=False).ids)
        if self._special_ids.isdisjoint(ids):
            return ids
        # A special token that the tokenizer keeps as a piece of its vocabulary.
        letters = [piece for letter in word for piece in self._ids(letter)]
        return tuple(piece for piece in letters if piece not in self._special_ids)

    def count(self, unit: str) -> int:
        """Count the subtokens of one unit, lower-cased and alone, at least one."""
        return max(len(self.word_ids(unit.lower())), 1)

    def prompt(self, labels: Sequence[str], descriptions: Mapping[str, str]) -> Prompt:
        """Write the prompt that asks for labels; raises `InputError` for one with a marker."""
        said = tuple((key, text) for key, text in descriptions.items() if key in labels)
        return self._prompt(tuple(labels), said)

    def _prompt_of(self, labels: tuple[str, ...], said: tuple[tuple[str, str], ...]) -> Prompt:
        for label in labels:
            self._refuse_special("label", label)
        for _, text in said:
            self._refuse_special("description", text)
        parent = "entities" + "".join(f" {DESCRIPTION} {key}: {text}" for key, text in said)
        tokens = [OPEN, PARENT, parent, OPEN]
        for label in labels:
            tokens += [ENTITY, label]
        tokens += [CLOSE, CLOSE, TEXT]
        ids: list[int] = []
        places: list[int] = []
        asked = {1, *range(4, len(tokens) - 3, 2)}
        for number, token in enumerate(tokens):
            if number in asked:
                places.append(len(ids))
            ids += self._ids(token)
        return Prompt(tuple(ids), tuple(places))

    def prompt_length(self, labels: Sequence[str], descriptions: Mapping[str, str]) -> int:
        """Subtokens of the prompt, and of the full stop that gliner2 may append to a text."""
        return len(self.prompt(labels, descriptions).ids) + len(self._ids("."))

    def _refuse_special(self, kind: str, text: str) -> None:
        found = marker_in(text)
        if not found and not self._special_ids.isdisjoint(self._ids(text)):
            pieces = self._tokenizer.encode(text, add_special_tokens=False).tokens
            found = next((one for one in pieces if one in self._specials), "a special token")
        if found:
            raise InputError(
                f"{kind} {text[:60]!r} holds {found}, which gliner2 reads as part of its prompt",
                hint=HINT,
            )

    def encode(self, text: str, splitter: WordSplitter) -> EncodedText:
        """Cut a text into words and these into subtokens; a full stop is added as gliner2 does."""
        ids: list[int] = []
        firsts: list[int] = []
        starts: list[int] = []
        ends: list[int] = []
        for word, start, end in splitter(gliner_text(text), True):
            firsts.append(len(ids))
            starts.append(start)
            ends.append(end)
            ids += self.word_ids(word)
        return EncodedText(tuple(ids), tuple(firsts), tuple(starts), tuple(ends))


def as_inputs(
    prompt: Prompt, texts: Sequence[EncodedText], width: int, *, means: bool = False
) -> dict[str, NDArray[Any]]:
    """Put a batch of texts that share a prompt into the graph's arrays, padded with 0.

    A word without subtokens stands where the next one begins, as in gliner2; behind the end of a
    text it stands at its last subtoken. With `means`, words are shares of each subtoken.
    """
    before = len(prompt.ids)
    tokens = max(before + len(one.ids) for one in texts)
    words = max(1, *(len(one.firsts) for one in texts))
    ids = np.zeros((len(texts), tokens), dtype=np.int64)
    mask = np.zeros((len(texts), tokens), dtype=np.int64)
    firsts = np.zeros((len(texts), words), dtype=np.int64)
    for place, one in enumerate(texts):
        stop = before + len(one.ids)
        ids[place, :stop] = (*prompt.ids, *one.ids)
        mask[place, :stop] = 1
        firsts[place, : len(one.firsts)] = np.minimum(before + np.array(one.firsts), tokens - 1)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "words": _shares(texts, before, words, tokens) if means else firsts,
        "prompt": np.array(prompt.places, dtype=np.int64),
        "widths": np.arange(width, dtype=np.int64),
    }


def _shares(
    texts: Sequence[EncodedText], before: int, words: int, tokens: int
) -> NDArray[np.float32]:
    """The share of each subtoken in each word's mean: (batch, words, tokens)."""
    shares = np.zeros((len(texts), words, tokens), dtype=np.float32)
    for place, one in enumerate(texts):
        ends = (*one.firsts[1:], len(one.ids))
        for word, (first, end) in enumerate(zip(one.firsts, ends, strict=True)):
            if end > first:
                shares[place, word, before + first : before + end] = 1 / (end - first)
    return shares
