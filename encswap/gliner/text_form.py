"""How units become tokens: as gliner2 writes them, or as an encoder read text when pretrained.

gliner2 lower-cases each unit, tokenises it as if a space stood before it, and puts nothing around
the whole. Each of the three can be changed; what is chosen stands in the model's own config.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from encswap.errors import InputError, SourceError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from encswap.types import WordSplitter

KEY = "encswap_text_form"
"""The field of gliner2's config.json that holds a form; gliner2 itself ignores it."""
SPACE = "▁"
BESIDE_METASPACE = {"Metaspace", "WhitespaceSplit"}


@dataclass(frozen=True)
class TextForm:
    """What differs from gliner2's way; nothing, unless told."""

    special_ends: bool = False
    """The input begins and ends with the tokenizer's own tokens, such as [CLS] and [SEP]."""
    keep_case: bool = False
    """Units are read as they are written, not lower-cased."""
    running_text: bool = False
    """A unit that follows another without a space is cut into pieces that continue a word."""

    def __bool__(self) -> bool:
        return bool(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The settings that are on."""
        return tuple(name for name, value in asdict(self).items() if value)

    def written(self) -> dict[str, bool]:
        """As a config holds it."""
        return dict.fromkeys(self.names, True)


def form_of(config: Any) -> TextForm:
    """Read a model's config; raises `SourceError` for a field that this version does not know."""
    held = getattr(config, KEY, None) or {}
    known = {one.name for one in fields(TextForm)}
    if not isinstance(held, Mapping) or not all(
        name in known and isinstance(value, bool) for name, value in held.items()
    ):
        raise SourceError(
            f"config.json: {KEY} is {str(held)[:80]}, which this version cannot read",
            hint=f"known: {', '.join(sorted(known))}, each true or false",
        )
    return TextForm(**held)


@dataclass(frozen=True)
class Word:
    """A unit as it is tokenised, and whether it goes on with the word before it."""

    text: str
    continues: bool = False


@dataclass(frozen=True)
class Reader:
    """A form with what it needs of a tokenizer."""

    form: TextForm
    begin: tuple[int, ...] = ()
    """Ids that stand before everything."""
    end: tuple[int, ...] = ()
    """Ids that stand behind everything."""
    continuing: Callable[[str], list[str]] | None = None
    """Tokenises a unit that continues a word."""
    joined: Callable[[str, str], bool] | None = None
    """Tells whether two neighbouring letters belong to one word of the tokenizer's."""

    def cased(self, unit: str) -> str:
        """The unit in the case that is read."""
        return unit if self.form.keep_case else unit.lower()

    def words(self, text: str, splitter: WordSplitter) -> list[Word]:
        """The units of a text, as gliner2's processor gives it to the splitter."""
        found, last = [], -1
        for token, start, end in splitter(text, False):
            goes_on = (
                self.joined is not None
                and 0 < start == last < len(text)
                and self.joined(text[start - 1], text[start])
            )
            found.append(Word(self.cased(token), goes_on))
            last = end
        return found


def reader_for(form: TextForm, tokenizer: PreTrainedTokenizerFast) -> Reader:
    """Make a reader; raises `InputError` where the tokenizer cannot read so."""
    begin, end = _ends(tokenizer) if form.special_ends else ((), ())
    if not form.running_text:
        return Reader(form, begin, end)
    return Reader(form, begin, end, _continuing(tokenizer), _joined(tokenizer))


def _ends(tokenizer: PreTrainedTokenizerFast) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the tokenizer itself puts before and behind a text."""
    inner = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    extra = len(whole) - len(inner)
    start = next((n for n in range(extra + 1) if whole[n : n + len(inner)] == inner), 0)
    if not extra:
        raise InputError(
            "special_ends: this encoder's tokenizer puts nothing around a text",
            hint="leave special_ends off",
        )
    return tuple(whole[:start]), tuple(whole[start + len(inner) :])


def _continuing(tokenizer: PreTrainedTokenizerFast) -> Callable[[str], list[str]]:
    backend = tokenizer.backend_tokenizer
    kind, before = type(backend.model).__name__, _pretokenizers(backend)
    if kind == "WordPiece":
        return _continuing_wordpiece(tokenizer)
    if kind in ("Unigram", "BPE") and "Metaspace" in before and before <= BESIDE_METASPACE:
        return _continuing_metaspace(backend)
    raise InputError(
        f"running_text: a tokenizer with {kind} pieces cut by {', '.join(sorted(before)) or 'none'}"
        " is not known to mark where a word begins",
        hint="leave running_text off; it wants WordPiece, or pieces with ▁",
    )


def _pretokenizers(backend: Any) -> set[str]:
    """The types of what cuts a text before its pieces are looked for."""
    if backend.pre_tokenizer is None:
        return set()
    held = json.loads(backend.pre_tokenizer.__getstate__())
    parts: Sequence[Mapping[str, Any]] = held.get("pretokenizers") or [held]
    return {str(one["type"]) for one in parts}


def _normal(backend: Any, text: str) -> str:
    return str(backend.normalizer.normalize_str(text)) if backend.normalizer else text


def _joined(tokenizer: PreTrainedTokenizerFast) -> Callable[[str, str], bool]:
    """Letters are joined unless the tokenizer cuts between them, as BERT's does at punctuation."""
    backend = tokenizer.backend_tokenizer

    def joined(before: str, after: str) -> bool:
        pair = _normal(backend, before + after)
        return len(backend.pre_tokenizer.pre_tokenize_str(pair)) == 1

    return joined


def _continuing_metaspace(backend: Any) -> Callable[[str], list[str]]:
    def tokenize(unit: str) -> list[str]:
        first, *others = _normal(backend, unit).split(" ")
        parts = [first, *(SPACE + one for one in others)]
        return [token.value for part in parts if part for token in backend.model.tokenize(part)]

    return tokenize


def _continuing_wordpiece(tokenizer: PreTrainedTokenizerFast) -> Callable[[str], list[str]]:
    backend, vocabulary = tokenizer.backend_tokenizer, tokenizer.get_vocab()
    inside, unknown = backend.model.continuing_subword_prefix, str(tokenizer.unk_token)

    def longest(word: str) -> list[str]:
        """WordPiece's search, in which the first piece continues too."""
        found, start = [], 0
        while start < len(word):
            ends = range(len(word), start, -1)
            end = next((n for n in ends if inside + word[start:n] in vocabulary), None)
            if end is None:
                return [unknown]
            found.append(inside + word[start:end])
            start = end
        return found

    def tokenize(unit: str) -> list[str]:
        cut = backend.pre_tokenizer.pre_tokenize_str(_normal(backend, unit))
        words = [word for word, _ in cut]
        others = [token.value for one in words[1:] for token in backend.model.tokenize(one)]
        return [*(longest(words[0]) if words else []), *others]

    return tokenize
