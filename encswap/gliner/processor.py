"""gliner2's processor, in which no text and no label can pass for a part of the prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gliner2.processor import SchemaTransformer

from encswap.errors import InputError
from encswap.gliner.markers import HINT, MARKERS, marker_in
from encswap.gliner.text_form import Reader, TextForm, Word, reader_for

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

KEPT = 50_000


# Ends the name under which a word's pieces are put; no splitter gives a word that ends so.
AS_TEXT = "\x00as text"
# Ends the name of a word whose pieces continue the word before it.
CONTINUED = "\x00continued"
WORDS: ContextVar[Sequence[Word]] = ContextVar("words", default=())
"""The units of the text that is being formatted, where they are not read as gliner2 reads them."""


class SafeProcessor(SchemaTransformer):  # type: ignore[misc]
    """The processor of a model that encswap built.

    gliner2 tokenises a word of the text and a marker of its prompt by the same call, and finds the
    border between prompt and text by comparing strings. Here a word that would give a special
    token is cut as plain text, its place in the text unchanged; a label or a description that would
    is refused. Everything else is gliner2's, token for token, but for what the model's `TextForm`
    changes.
    """

    reader = Reader(TextForm())

    def _format_input_with_mapping(
        self, schema_tokens_list: list[list[str]], text_tokens: list[str]
    ) -> dict[str, Any]:
        # The choices of a structure's fields go before the text's own words.
        own = [self._name_of(word) for word in WORDS.get()]
        others = text_tokens[: len(text_tokens) - len(own)]
        words = [*(self._as_text(word) for word in others), *own]
        formatted: dict[str, Any] = super()._format_input_with_mapping(schema_tokens_list, words)
        return self._with_ends(formatted)

    def _with_ends(self, formatted: dict[str, Any]) -> dict[str, Any]:
        """Put the tokenizer's own tokens around, and move every place behind the first."""
        begin, end = self.reader.begin, self.reader.end
        if not begin and not end:
            return formatted
        nowhere = ("sep", -1, -1)  # neither of the prompt nor of the text
        named = self.tokenizer.convert_ids_to_tokens
        return {
            "input_ids": [*begin, *formatted["input_ids"], *end],
            "mapped_indices": [
                *(nowhere for _ in begin),
                *formatted["mapped_indices"],
                *(nowhere for _ in end),
            ],
            "subword_list": [*named(list(begin)), *formatted["subword_list"], *named(list(end))],
            "text_word_first_positions": [
                place + len(begin) for place in formatted["text_word_first_positions"]
            ],
            "schema_special_positions": [
                [place + len(begin) for place in places]
                for places in formatted["schema_special_positions"]
            ],
        }

    def _name_of(self, word: Word) -> str:
        """The name under which a word's pieces are kept."""
        if word.continues:
            name = word.text + CONTINUED
            found = self._tokenize_cached(name)
            if found and self._specials.isdisjoint(found):
                return name
        return self._as_text(word.text)

    def read_as(self, form: TextForm) -> None:
        """Read units so from now on; raises `InputError` where the tokenizer cannot."""
        self.reader = reader_for(form, self.tokenizer)
        alone, continuing = self.tokenizer.tokenize, self.reader.continuing
        if continuing is None:
            return

        def tokenize(name: str) -> list[str]:
            within = name.endswith(CONTINUED)
            return continuing(name.removesuffix(CONTINUED)) if within else alone(name)

        self._tokenize_cached = lru_cache(maxsize=KEPT)(tokenize)

    def forms(self, unit: str) -> list[list[str]]:
        """The pieces of a unit of a text, in each way that it may be read."""
        word = self.reader.cased(unit)
        found = [self.pieces(word)]
        if self.reader.continuing is not None:
            name = self._name_of(Word(word, continues=True))
            found.append(self._token_cache.get(name) or self._tokenize_cached(name))
        return found

    @contextmanager
    def _words_of(self, text: str, most: int | None) -> Iterator[None]:
        """Keep the units of a text at hand while it is formatted, if gliner2's will not do."""
        form = self.reader.form
        differs = form.keep_case or form.running_text
        before = WORDS.set(self.reader.words(text, self.word_splitter)[:most] if differs else ())
        try:
            yield
        finally:
            WORDS.reset(before)

    def _as_text(self, word: str) -> str:
        """The word, or where it is special the name under which its plain pieces are kept."""
        found = self._tokenize_cached(word)
        # gliner2 pools a word without pieces away, and every later one stands in its place.
        lost = not found and self.token_pooling in ("mean", "max")
        if word not in MARKERS and self._specials.isdisjoint(found) and not lost:
            return word
        name = word + AS_TEXT
        self._token_cache[name] = self.pieces(word) or (
            [empty_word(self.tokenizer)] if lost else []
        )
        return name

    def pieces(self, word: str) -> list[str]:
        """Tokenise a word of a text; it never gives a special token."""
        found: list[str] = self._tokenize_cached(word)
        if word not in MARKERS and self._specials.isdisjoint(found):
            return found
        found = self.tokenizer.tokenize(word, split_special_tokens=True)
        if self._specials.isdisjoint(found):
            return found
        # A special token that the tokenizer keeps as a piece of its vocabulary.
        letters = [piece for letter in word for piece in self.tokenizer.tokenize(letter)]
        return [piece for piece in letters if piece not in self._specials]

    def _collate_batch(self, batch: Any, *arguments: Any, **options: Any) -> Any:
        # Before gliner2's own loop: at extraction it puts an empty record for what raises inside.
        for _text, schema in batch:
            self._refuse_special(self._resolve_schema(schema))
        return super()._collate_batch(batch, *arguments, **options)

    def _transform_record(
        self, record: dict[str, Any], max_len: int | None = None, **options: Any
    ) -> Any:
        self._refuse_special(record["schema"])
        with self._words_of(record["text"], max_len):
            return super()._transform_record(record, max_len=max_len, **options)

    def _refuse_special(self, schema: Any) -> None:
        for kind, text in _spoken(schema) if isinstance(schema, Mapping) else ():
            if marker := self._special_in(text):
                raise InputError(
                    f"{kind} {text[:60]!r} holds {marker}, which gliner2 reads as part of its"
                    " prompt",
                    hint=HINT,
                )


def make_safe(processor: SchemaTransformer, form: TextForm) -> None:
    """Turn a model's processor into a safe one that reads units as told, in place."""
    tokenizer: PreTrainedTokenizerFast = processor.tokenizer
    specials = special_pieces(tokenizer)

    def special_in(text: str) -> str:
        if marker := marker_in(text):
            return marker
        return next((piece for piece in tokenizer.tokenize(text) if piece in specials), "")

    processor._specials = specials
    processor._special_in = lru_cache(maxsize=KEPT)(special_in)
    processor.__class__ = SafeProcessor
    processor.read_as(form)


def empty_word(tokenizer: PreTrainedTokenizerFast) -> str:
    """The token that is read for a word without pieces where words are pooled."""
    return str(tokenizer.unk_token or tokenizer.pad_token)


def empty_word_id(tokenizer: PreTrainedTokenizerFast) -> int:
    """Its id."""
    return int(tokenizer.convert_tokens_to_ids(empty_word(tokenizer)))


def special_pieces(tokenizer: PreTrainedTokenizerFast) -> frozenset[str]:
    """The tokens that no text may give: markers, [CLS], <s> and their like; not the unknown one."""
    added = tokenizer.added_tokens_decoder.values()
    names = {*MARKERS, *tokenizer.all_special_tokens, *(str(one) for one in added if one.special)}
    return frozenset(names - {tokenizer.unk_token})


def _spoken(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a schema puts into the prompt, gold left out: a text may hold what it likes."""
    yield from (("label", str(one)) for one in schema.get("entities") or ())
    for key in ("entity_descriptions", "relation_descriptions"):
        found = schema.get(key) or {}
        yield from (("description", str(one)) for one in found.values())
    for item in schema.get("relations") or ():
        for parent, fields in item.items():
            yield from (("label", str(one)) for one in (parent, *fields))
    for item in schema.get("json_structures") or ():
        for parent, fields in item.items():
            yield from (("label", str(one)) for one in (parent, *fields))
    for fields in (schema.get("json_descriptions") or {}).values():
        yield from (("description", str(one)) for one in fields.values())
    for item in schema.get("classifications") or ():
        yield from (("label", str(one)) for one in (item["task"], *item["labels"]))
        texts = [item.get("prompt") or "", *(item.get("label_descriptions") or {}).values()]
        examples = [part for one in item.get("examples") or () for part in one]
        yield from (("description", str(one)) for one in [*texts, *examples])
