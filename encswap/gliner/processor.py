"""gliner2's processor, in which no text and no label can pass for a part of the prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gliner2.processor import SchemaTransformer

from encswap.errors import InputError
from encswap.gliner.markers import HINT, MARKERS, marker_in

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

KEPT = 50_000


# Ends the name under which a word's pieces are put; no splitter gives a word that ends so.
AS_TEXT = "\x00as text"


class SafeProcessor(SchemaTransformer):  # type: ignore[misc]
    """The processor of a model that encswap built.

    gliner2 tokenises a word of the text and a marker of its prompt by the same call, and finds the
    border between prompt and text by comparing strings. Here a word that would give a special
    token is cut as plain text, its place in the text unchanged; a label or a description that would
    is refused. Everything else is gliner2's, token for token.
    """

    def _format_input_with_mapping(
        self, schema_tokens_list: list[list[str]], text_tokens: list[str]
    ) -> dict[str, Any]:
        words = [self._as_text(word) for word in text_tokens]
        formatted: dict[str, Any] = super()._format_input_with_mapping(schema_tokens_list, words)
        return formatted

    def _as_text(self, word: str) -> str:
        """The word, or where it is special the name under which its plain pieces are kept."""
        found = self._tokenize_cached(word)
        instead = stand_in(self)
        plain = word not in MARKERS and self._specials.isdisjoint(found)
        if plain and (found or not instead):
            return word
        name = word + AS_TEXT
        self._token_cache[name] = self.pieces(word) or ([instead] if instead else [])
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

    def _transform_record(self, record: dict[str, Any], *arguments: Any, **options: Any) -> Any:
        self._refuse_special(record["schema"])
        return super()._transform_record(record, *arguments, **options)

    def _refuse_special(self, schema: Any) -> None:
        for kind, text in _spoken(schema) if isinstance(schema, Mapping) else ():
            if marker := self._special_in(text):
                raise InputError(
                    f"{kind} {text[:60]!r} holds {marker}, which gliner2 reads as part of its"
                    " prompt",
                    hint=HINT,
                )


def make_safe(processor: SchemaTransformer) -> None:
    """Turn a model's processor into a safe one, in place."""
    tokenizer: PreTrainedTokenizerFast = processor.tokenizer
    specials = special_pieces(tokenizer)

    def special_in(text: str) -> str:
        if marker := marker_in(text):
            return marker
        return next((piece for piece in tokenizer.tokenize(text) if piece in specials), "")

    processor._specials = specials
    processor._special_in = lru_cache(maxsize=KEPT)(special_in)
    processor.__class__ = SafeProcessor


def stand_in(processor: SchemaTransformer) -> str | None:
    """The piece that stands for a word without pieces; None where it needs none.

    gliner2 pools such a word away, and every later one stands in its place.
    """
    if processor.token_pooling == "first":  # noqa: S105 - no password
        return None
    unknown: str | None = processor.tokenizer.unk_token or processor.tokenizer.pad_token
    return unknown


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
