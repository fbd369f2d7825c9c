"""Tokens and a tag for each, as data sets of Hugging Face keep them.

`{"tokens": [word], "ner_tags": [tag]}`: tags are strings, or numbers whose names stand elsewhere.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from encswap.data.formats.fields import (
    JsonRecord,
    Likeness,
    RecordShape,
    clean,
    field,
    is_none,
    json_line,
    kind_of,
    note_key,
    shown,
)
from encswap.data.formats.table import ReadOptions
from encswap.data.formats.tags import (
    Piece,
    Style,
    mentions_of,
    refusal,
    style_of,
    tags_for,
    trimmed,
)
from encswap.data.gold import RawSpan, mentions_at
from encswap.data.notes import Notes
from encswap.types import Example

Span = tuple[int, int]
SPACES = ("ws", "space_after", "spaces", "whitespace", "trailing_whitespace")
"""Keys under which a record tells of each token whether white space comes after it."""
TEXTS = ("text", "sentence", "raw_text")
"""Keys under which a record keeps the text that its tokens are of."""
_WORD = re.compile(r"\S+")


def text_of(record: JsonRecord, key: str, notes: Notes) -> tuple[str, list[Span]]:
    """Return a record's text, and where its tokens stand in it.

    The record's own text is taken where the tokens stand in it one after the other; else they are
    joined, by the spaces that the record tells, or with one space between two.
    """
    words = words_in(record, key)
    for name in TEXTS:
        own = record.values.get(name)
        if isinstance(own, str) and name != key:
            spans = found_in(own, words)
            if spans is not None:
                return clean(own, name, record), spans
            what = f"records have a {name!r} in which their tokens do not stand: tokens are joined"
            notes.add("text-unlike-tokens", what, record.where)
    return joined(words, _spaces(record, len(words)))


def words_in(record: JsonRecord, key: str) -> list[str]:
    """Return the tokens under a key; a string is cut at white space."""
    value = record.values.get(key)
    if isinstance(value, str):
        return clean(value, key, record).split()
    words: list[str] = []
    for one in field(record, key, list):
        word = str(one) if isinstance(one, int) and not isinstance(one, bool) else one
        if not isinstance(word, str):
            raise record.error(f"a token should be a string, not {kind_of(one)}")
        words.append(clean(word, key, record))
    return words


def joined(words: Sequence[str], after: Sequence[str] | None = None) -> tuple[str, list[Span]]:
    """Join words, each with what comes after it; return the text and their places.

    Without that information a space stands between two words, unless some of the words are white
    space themselves: then the file holds the text cut up, and nothing is put between.
    """
    if after is None:
        cut_up = any(word.isspace() for word in words)
        after = ["" if cut_up else " "] * len(words)
    parts: list[str] = []
    spans: list[Span] = []
    at = 0
    for place, (word, gap) in enumerate(zip(words, after, strict=True)):
        spans.append((at, at + len(word)))
        parts += [word, gap if place + 1 < len(words) else ""]
        at += len(word) + len(parts[-1])
    return "".join(parts), spans


def found_in(text: str, words: Sequence[str]) -> list[Span] | None:
    """Find words in a text one after the other; None where more than white space is between."""
    spans: list[Span] = []
    at = 0
    for word in words:
        start = text.find(word, at)
        if start < 0 or text[at:start].strip():
            return None
        spans.append((start, start + len(word)))
        at = start + len(word)
    return None if text[at:].strip() else spans


def cut(example: Example) -> list[Span]:
    """Cut a text at white space, and where a mention begins or ends."""
    edges = {edge for one in example.mentions for edge in (one.start, one.end)}
    spans: list[Span] = []
    for found in _WORD.finditer(example.text):
        start, end = found.span()
        places = [start, *sorted(edge for edge in edges if start < edge < end), end]
        spans += pairwise(places)
    return spans


def _spaces(record: JsonRecord, count: int) -> list[str] | None:
    """Return what comes after each token, None where the record does not tell."""
    key = next((key for key in SPACES if record.values.get(key) is not None), None)
    if key is None:
        return None
    told = field(record, key, list)
    if len(told) != count:
        raise record.error(f"{key!r} has {len(told)} values for {count} tokens")
    if any(
        not isinstance(one, bool | int | str) or (isinstance(one, str) and one.strip())
        for one in told
    ):
        raise record.error(f"{key!r} should tell true or false of each token")
    return [one if isinstance(one, str) else " " * bool(one) for one in told]


BESIDE = ("dataset_info.json", "dataset_infos.json", "id2label.json", "config.json", "README.md")
_LARGEST = 16 << 20


def names_of(record: JsonRecord, key: str, given: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Return the names of the tags under a key, and where they stand; none where nothing says."""
    if given:
        return given, "--label-names"
    for tree, place in ((record.values, "the record"), (record.around, "the file")):
        found = _names_in(tree, key)
        if found:
            return found, place
    if record.source.kind == "stream":
        return _beside(str(record.source.path.parent), key)
    return (), ""


@lru_cache(maxsize=64)
def _beside(folder: str, key: str) -> tuple[tuple[str, ...], str]:
    for name in BESIDE:
        found = _names_in(_tree_of(Path(folder) / name), key)
        if found:
            return found, name
    return (), ""


def _tree_of(path: Path) -> Any:
    """Read a JSON file, or the YAML at the head of a page; None where it is of no use."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".md":
            return json.loads(text)
        if not text.startswith("---"):
            return None
        import yaml

        return yaml.safe_load(text[3:].partition("\n---")[0])
    except (OSError, ValueError, RecursionError):
        return None
    except Exception as error:  # yaml's errors are of many kinds
        if type(error).__module__.startswith("yaml"):
            return None
        raise


def _names_in(tree: Any, key: str) -> tuple[str, ...]:
    """Find the names of a column in what describes a data set."""
    if not isinstance(tree, Mapping):
        return ()
    for own in ("label_names", "tag_names", f"{key}_names"):
        if names := _listed(tree.get(own)):
            return names
    if names := _by_number(tree.get("id2label")) or _by_name(tree.get("label2id")):
        return names
    if set(tree) and all(str(one).isdecimal() for one in tree):
        return _by_number(tree)
    return next((names for one in _columns(tree, key) if (names := _names_under(one))), ())


def _columns(tree: Any, key: str, depth: int = 0) -> Iterator[Any]:
    """Yield what describes the column `key`, wherever it stands."""
    if depth > 8:
        return
    if isinstance(tree, Mapping):
        if tree.get("name") == key:
            yield {name: value for name, value in tree.items() if name != "name"}
        if isinstance(tree.get(key), Mapping):
            yield tree[key]
        for value in tree.values():
            yield from _columns(value, key, depth + 1)
    elif isinstance(tree, list):
        for value in tree:
            yield from _columns(value, key, depth + 1)


def _names_under(tree: Any, depth: int = 0) -> tuple[str, ...]:
    if isinstance(tree, list):
        return next((found for one in tree if (found := _names_under(one, depth + 1))), ())
    if not isinstance(tree, Mapping) or depth > 8:
        return ()
    names = tree.get("names")
    if found := _listed(names) or _by_number(names):
        return found
    return next((found for one in tree.values() if (found := _names_under(one, depth + 1))), ())


def _listed(value: Any) -> tuple[str, ...]:
    names = isinstance(value, list) and value and all(isinstance(one, str) for one in value)
    return tuple(value) if names else ()


def _by_number(value: Any) -> tuple[str, ...]:
    if not isinstance(value, Mapping) or not value:
        return ()
    numbered = {str(number): name for number, name in value.items()}
    names = tuple(numbered.get(str(number)) for number in range(len(numbered)))
    return tuple(str(name) for name in names) if all(isinstance(n, str) for n in names) else ()


def _by_name(value: Any) -> tuple[str, ...]:
    return _by_number({n: name for name, n in value.items()}) if isinstance(value, Mapping) else ()


NAME = "tokens"
TOKENS = ("tokens", "words", "token", "word", "sentence", "text")
TAGS = ("ner_tags", "ner_labels", "ner", "tags", "labels", "tag", "word_labels", "bio_tags", "iob")
_OTHERS = ("pos_tags", "chunk_tags", "pos", "upos", "xpos", "lemmas", "langs", "spans")


def tokens_example(record: JsonRecord, options: ReadOptions, notes: Notes) -> Example:
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
    example = trimmed(example)
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


def _tags(record: JsonRecord, key: str, options: ReadOptions, notes: Notes) -> list[str]:
    """Return the tags as `B-LABEL`, `I-LABEL` and `O`."""
    raw = _raw_tags(record, key)
    names: tuple[str, ...] = ()
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
    tags: Sequence[str],
    names: tuple[str, ...],
    record: JsonRecord,
    options: ReadOptions,
    notes: Notes,
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


def _labelled(tag: str, record: JsonRecord, options: ReadOptions) -> str:
    if tag == "O" or "-" in tag:
        return tag
    if options.label is None:
        raise record.error("the tags name no type (B, I, O)", "say which with --tag-label NAME")
    return f"{tag}-{options.label}"


def _is_label(tag: str) -> bool:
    return bool(tag.strip()) and tag[1:2] not in ("-", "_") and tag[-2:-1] not in ("-", "_")


def _raw_tags(record: JsonRecord, key: str) -> list[str | int]:
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


def _tag_key(record: JsonRecord, options: ReadOptions) -> str:
    wanted = options.tag_column
    if wanted is not None:
        named = {str(key).casefold(): str(key) for key in record.values}
        if wanted.casefold() not in named:
            raise record.error(f"there is no column {wanted!r}", hint=f"known: {', '.join(named)}")
        return named[wanted.casefold()]
    return _key_of(record.values, TAGS) or TAGS[0]


def _note_other_keys(record: JsonRecord, key: str, tag_key: str, count: int, notes: Notes) -> None:
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
        row = tuple(map(str, words_of(tags))) if _is_row(tags) else ()
        fits = len(words.split()) == len(row) and _style(tuple(sorted(set(row)))) is not None
        return 2 if row and fits else 0
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


TOKENS_SHAPE = RecordShape(
    NAME,
    'tokens of Hugging Face: JSON {"tokens": [word], "ner_tags": [tag]}',
    "'tokens' and 'ner_tags'",
    _like,
    tokens_example,
    None,
    write_tokens,
    drops=("descriptions", "empty labels"),
)
