"""Tokens and a tag for each, as data sets of Hugging Face keep them.

`{"tokens": [word], "ner_tags": [tag]}`: tags are strings, or numbers whose names stand elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from encswap.data.formats.fields import Record, clean, field, is_none, json_line, kind_of, shown
from encswap.data.formats.pieces import cut, text_of
from encswap.data.formats.shapes import Likeness, Shape, note_key
from encswap.data.formats.tagnames import names_of
from encswap.data.formats.tags import Piece, Style, mentions_of, refusal, style_of, tags_for
from encswap.data.gold import RawSpan, mentions_at
from encswap.data.notes import Notes
from encswap.data.options import ReadOptions
from encswap.domain import Example

NAME = "tokens"
TOKENS = ("tokens", "words", "token", "word", "sentence", "text")
TAGS = ("ner_tags", "ner_labels", "ner", "tags", "labels", "tag", "word_labels", "bio_tags", "iob")
_OTHERS = ("pos_tags", "chunk_tags", "pos", "upos", "xpos", "lemmas", "langs", "spans")


def tokens_example(record: Record, options: ReadOptions, notes: Notes) -> Example:
    """Read tokens and their tags; which of several columns of tags is read is counted."""
    key = _token_key(record.values) or TOKENS[0]
    tag_key = _tag_key(record, options)
    text, spans = text_of(record, key, notes)
    if is_none(record.values.get(tag_key)):
        return Example(record.id, text, line=record.line)
    tags = _tags(record, tag_key, options, notes)
    if len(tags) != len(spans):
        raise record.error(
            f"{len(spans)} tokens but {len(tags)} tags",
            hint=f"{key!r} and {tag_key!r} hold one for the other",
        )
    _note_other_keys(record, key, tag_key, len(spans), notes)
    pieces = [Piece(*span, tag) for span, tag in zip(spans, tags, strict=True) if span[0] < span[1]]
    found = mentions_of(text, pieces)
    raw = [RawSpan(one.start, one.end, one.label, record.where) for one in found]
    return Example(record.id, text, mentions_at(text, raw, notes), line=record.line)


def write_tokens(example: Example) -> str:
    """Write one example; words are cut at white space and where a mention begins or ends."""
    spans = cut(example)
    if not spans:
        raise refusal(example, NAME, "the text holds no word")
    values: dict[str, Any] = {
        "id": example.id,
        "text": example.text,
        "tokens": [example.text[slice(*span)] for span in spans],
        "ner_tags": list(tags_for(example, spans, NAME)),
    }
    return json_line(values)


def _tags(record: Record, key: str, options: ReadOptions, notes: Notes) -> list[str]:
    """Return the tags as `B-LABEL`, `I-LABEL` and `O`."""
    raw = _raw_tags(record, key)
    names, place = (), ""
    if raw and all(isinstance(one, int) for one in raw):
        names, place = names_of(record, key, options.label_names)
        if not names:
            raise record.error(
                f"{key!r} holds numbers, and nothing says what they name",
                hint="name the tags in the order of their numbers: --label-names O,B-PER,I-PER,…",
            )
        wrong = next((one for one in raw if not 0 <= int(one) < len(names)), None)
        if wrong is not None:
            number = wrong if abs(int(wrong)) < 10**9 else "a huge number"
            raise record.error(f"the tag {number} is not among {len(names)} names of {place}")
        notes.add("named-tags", f"records hold tags as numbers, which {place} names")
        raw = [names[int(one)] for one in raw]
    tags = [str(one) for one in raw]
    return _read(tags, names, record, options, notes)


def _read(
    tags: Sequence[str], names: tuple[str, ...], record: Record, options: ReadOptions, notes: Notes
) -> list[str]:
    style = _style(names or tuple(sorted(set(tags))))
    if style is not None:
        read = {tag: style.read(tag) for tag in set(tags)}
        wrong = next((tag for tag in tags if read[tag] is None), None)
        if wrong is None:
            return [_labelled(str(read[tag]), record, options) for tag in tags]
    elif "O" in (names or tags) and all(_is_label(tag) for tag in set(tags)):
        what = "records have tags without B- and I-: neighbours of one label are one mention"
        notes.add("tags-without-letters", what, record.where)
        return [tag if tag == "O" else f"I-{tag}" for tag in tags]
    else:
        wrong = next((tag for tag in tags if tag != "O"), "")
    raise record.error(
        f"{shown(wrong)} is no BIO tag", hint="tags are such as B-Disease, I-Disease and O"
    )


@lru_cache(maxsize=256)
def _style(names: tuple[str, ...]) -> Style | None:
    """Return how tags are spelled, None where not all of them are read so."""
    found = style_of(Counter(names)) if names else None
    if found is None or any(found[0].read(name) is None for name in names):
        return None
    return found[0]


def _labelled(tag: str, record: Record, options: ReadOptions) -> str:
    if tag == "O" or "-" in tag:
        return tag
    if options.label is None:
        raise record.error(f"the tag {tag!r} names no label", hint="name it with --label NAME")
    return f"{tag}-{options.label}"


def _is_label(tag: str) -> bool:
    return bool(tag.strip()) and tag[1:2] not in ("-", "_") and tag[-2:-1] not in ("-", "_")


def _raw_tags(record: Record, key: str) -> list[str | int]:
    value = record.values.get(key)
    listed = value.split() if isinstance(value, str) else field(record, key, list)
    found: list[str | int] = []
    for one in listed:
        whole = int(one) if isinstance(one, float) and one.is_integer() else one
        if isinstance(whole, bool) or not isinstance(whole, str | int):
            raise record.error(f"a tag should be a string or a number, not {kind_of(one)}")
        found.append(clean(whole, key, record) if isinstance(whole, str) else whole)
    if found and all(isinstance(one, str) and one.isdecimal() for one in found):
        return [int(one) for one in found]
    return found


def _tag_key(record: Record, options: ReadOptions) -> str:
    wanted = options.tag_column
    if wanted is not None:
        named = {str(key).casefold(): str(key) for key in record.values}
        if wanted.casefold() not in named:
            raise record.error(f"there is no column {wanted!r}", hint=f"known: {', '.join(named)}")
        return named[wanted.casefold()]
    return _key_of(record.values, TAGS) or TAGS[0]


def _note_other_keys(record: Record, key: str, tag_key: str, count: int, notes: Notes) -> None:
    """Count what else the record holds: further columns of tags by their names."""
    known = {key, tag_key, *_OTHERS, "id", "text", "ws", "space_after", "spaces", "whitespace"}
    for name, value in record.values.items():
        if name in known or is_none(value) or value == "":
            continue
        if isinstance(value, list) and len(value) == count and "tag" in name.casefold():
            what = f"records hold other tags under {shown(name)}: --tag-column {name} reads them"
            notes.add("other-tags", what, record.where)
        elif not _describes(name):
            note_key(name, record, notes)


def _describes(name: str) -> bool:
    return name.endswith("_names") or name in ("id2label", "label2id", "features")


def _key_of(values: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    by_case = {str(key).casefold(): str(key) for key in values}
    return next((by_case[key] for key in keys if key in by_case), None)


def _token_key(values: Mapping[str, Any]) -> str | None:
    """Return the key of the tokens: the first that holds a row of them."""
    found = (_key_of(values, (one,)) for one in TOKENS)
    return next((key for key in found if key is not None and _is_row(values[key])), None)


def _like(values: Mapping[str, Any]) -> Likeness:
    key, tag_key = _token_key(values), _key_of(values, TAGS)
    if key is None or tag_key is None:
        return 0
    words, tags = values[key], values[tag_key]
    if isinstance(words, str):
        count = len(words_of(tags)) if _is_row(tags) else 0
        return 2 if count and len(words.split()) == count else 0
    if is_none(tags):
        return 1
    return 2 if _is_row(tags) else 0


def words_of(value: Any) -> list[Any]:
    """Return a row of words or tags as a list."""
    return value.split() if isinstance(value, str) else list(value)


def _is_row(value: Any) -> bool:
    """Whether a value is a row of words or tags: a list of them, or a string to be cut."""
    if isinstance(value, str):
        return bool(value.split())
    return isinstance(value, list) and all(isinstance(one, str | int | float) for one in value)


TOKENS_SHAPE = Shape(
    NAME,
    'tokens of Hugging Face: JSON {"tokens": [word], "ner_tags": [tag]}',
    "'tokens' and 'ner_tags'",
    _like,
    tokens_example,
    None,
    write_tokens,
    drops=("descriptions", "empty labels"),
)
