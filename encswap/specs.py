"""Encoder specs: reading them from a YAML file beside a plugin, and what a spec must hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from encswap.errors import InputError, suggest
from encswap.types import MARK_MEANINGS, BaseSpec, Claim, EncoderSpec, Fact, Layout
from encswap.yaml_files import read_mapping

_KEYS = ("hub_id", "revision", "word_splitter", "base", "date", "facts", "claims")
_FACT_KEYS = ("value", "mark", "date", "source")
_CLAIM_KEYS = ("text", "value", "where")


def read_encoders(path: Path) -> dict[str, EncoderSpec]:
    """Read the specs of a YAML file by name, for `register_encoders` to register.

    Each entry has `hub_id` and may have `revision`, `word_splitter`, `date`, `facts`, `claims` and
    `base: true`, which makes it a `BaseSpec`. A fact is `{value, mark, date, source}`; the entry's
    `date` is that of facts that have none. A claim is `{text, value, where}`. A key that begins
    with `_` is no encoder: a place for what YAML anchors share. Raises `InputError`.
    """
    hint = "write NAME: {hub_id: owner/name}"
    entries = read_mapping(path, "table of encoders", hint=hint, installed=True)
    return {
        name: _spec(name, _mapping(entry, name, _KEYS, path), path)
        for name, entry in entries.items()
        if not name.startswith("_")
    }


def _spec(name: str, entry: Mapping[str, Any], path: Path) -> EncoderSpec:
    if "hub_id" not in entry:
        raise InputError(f"{name} has no hub_id", where=path, hint="write hub_id: owner/name")
    kind = BaseSpec if entry.get("base") else EncoderSpec
    own = {key: entry[key] for key in ("hub_id", "revision", "word_splitter") if key in entry}
    date = entry.get("date", "")
    facts = {
        key: Fact(**{"date": date, **_mapping(fact, f"{name}: facts.{key}", _FACT_KEYS, path)})
        for key, fact in _items(entry, "facts", name, path)
        if _has(fact, ("value", "mark"), f"{name}: facts.{key}", path)
    }
    claims = {
        key: Claim(**_mapping(claim, f"{name}: claims.{key}", _CLAIM_KEYS, path))
        for key, claim in _items(entry, "claims", name, path)
        if _has(claim, ("text",), f"{name}: claims.{key}", path)
    }
    return kind(name=name, facts=facts, claims=claims, **own)


def _items(entry: Mapping[str, Any], key: str, name: str, path: Path) -> Iterable[tuple[str, Any]]:
    values = entry.get(key) or {}
    if not isinstance(values, Mapping):
        raise InputError(f"{name}: {key} is not a mapping", where=path)
    return values.items()


def _mapping(value: Any, what: str, known: tuple[str, ...], path: Path) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{what} is not a mapping", where=path, hint=f"with {', '.join(known)}")
    for key in value:
        if key not in known:
            raise InputError(
                f"{what} has the unknown key {key!r}",
                where=path,
                hint=suggest(str(key), list(known)),
            )
    return dict(value)


def _has(value: Any, keys: tuple[str, ...], what: str, path: Path) -> bool:
    lacking = [key for key in keys if not isinstance(value, Mapping) or key not in value]
    if lacking:
        raise InputError(f"{what} lacks {lacking[0]!r}", where=path)
    return True


# -- what a spec must hold: each function yields the faults of a value, the first one first ------

NAME = re.compile(r"\w[\w.+-]*")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_RESERVED = ("mini",)
_NONE = type(None)

# Recorded facts that the checks and the table compute with, and what each has to be.
_FACT_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("config", "tokenizer", "heads", "published_scores"), (Mapping,)),
    **dict.fromkeys(("config_class", "architecture", "layout"), (str,)),
    **dict.fromkeys(("parameters", "model_parameters", "weights_bytes"), (int, _NONE)),
    "licence": (str, _NONE),
}
_SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
_INNER_KINDS: Mapping[str, Mapping[str, type]] = {
    "config": {"model_type": str, **dict.fromkeys((*_SIZES, "vocab_size"), int)},
    "tokenizer": {"model": str, "length": int, "special_tokens": Mapping},
}
_KIND_NAMES = {_NONE: "None", int: "a whole number", str: "text", Mapping: "a mapping"}


def faults_of_name(name: object) -> Iterator[str]:
    """The name of an encoder or splitter is typed on a command line and used in file names."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield f"the name {name!r} is not made of letters, digits and . _ + -"
    if name in _RESERVED:
        yield f"the name {name!r} is reserved"


def faults_of_spec(spec: object) -> Iterator[str]:
    """Every table shows a registered spec, so a wrong fact is refused at registration."""
    if not isinstance(spec, EncoderSpec):
        yield f"register() takes an EncoderSpec, got {type(spec).__name__}"
        return
    yield from faults_of_name(spec.name)
    if not isinstance(spec.hub_id, str) or not HUB_ID.fullmatch(spec.hub_id):
        yield f"{spec.name}: hub_id {spec.hub_id!r} is not of the form organisation/name"
    if not isinstance(spec.word_splitter, str):
        kind = type(spec.word_splitter).__name__
        yield f"{spec.name}: word_splitter should be a name, got {kind}"
    if not isinstance(spec.revision, str | None):
        yield f"{spec.name}: revision should be a commit, got {type(spec.revision).__name__}"
    for name, wanted in (("facts", Fact), ("claims", Claim)):
        values = getattr(spec, name)
        if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
            yield f"{spec.name}: {name} should map names to {wanted.__name__}s"
        for key, value in values.items():
            if not isinstance(value, wanted):
                kind = type(value).__name__
                yield f"{spec.name}: {name}[{key!r}] is {kind}, not {wanted.__name__}"
    for key, fact in spec.facts.items():
        yield from (f"{spec.name}: {fault}" for fault in faults_of_fact(key, fact))


def faults_of_fact(key: str, fact: Fact) -> Iterator[str]:
    """A fact has its mark, its date and a value of its kind."""
    if fact.mark not in MARK_MEANINGS:
        yield f"fact {key!r} has mark {fact.mark!r}, known: {', '.join(MARK_MEANINGS)}"
    if not isinstance(fact.date, str) or not isinstance(fact.source, str):
        yield f"fact {key!r} needs a date and a source as text"
    value, kinds = fact.value, _FACT_KINDS.get(key)
    if kinds and (not isinstance(value, kinds) or isinstance(value, bool)):
        wanted = " or ".join(_KIND_NAMES[kind] for kind in kinds)
        yield f"fact {key!r} is {type(value).__name__}, not {wanted}"
    if key == "layout" and value not in get_args(Layout):
        yield f"fact 'layout' is {value!r}, known: {', '.join(get_args(Layout))}"
    for name, kind in _INNER_KINDS.get(key, {}).items():
        one = value.get(name)
        if one is not None and (not isinstance(one, kind) or (isinstance(one, int) and one < 1)):
            yield f"fact {key!r} has {name} {one!r}, not {_KIND_NAMES[kind]}"
