"""Encoder specs from a YAML file, so that what is recorded of a model is data beside its plugin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from encswap.errors import InputError, suggest
from encswap.types import BaseSpec, Claim, EncoderSpec, Fact
from encswap.yaml_files import read_mapping

_KEYS = ("hub_id", "revision", "word_splitter", "base", "date", "facts", "claims")
_FACT_KEYS = ("value", "mark", "date", "source")
_CLAIM_KEYS = ("text", "value", "where")


def read_encoders(path: Path) -> dict[str, EncoderSpec]:
    """Read the specs of a YAML file by name, for `register_encoders` to register.

    Each entry has `hub_id` and may have `revision`, `word_splitter`, `date`, `facts`, `claims` and
    `base: true`, which makes it a `BaseSpec`. A fact is `{value, mark, date, source}`; the entry's
    `date` stands for facts that have none. A claim is `{text, value, where}`. A key that begins
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
