"""Facts as Python source, in the shape that `ruff format` leaves alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from encswap.domain import Fact

WIDTH = 100
STEP = "    "


def facts_code(facts: Mapping[str, Fact]) -> str:
    """The `facts=` argument of an `EncoderSpec`; nothing where nothing is known."""
    if not facts:
        return ""
    lines = [f"{STEP}facts={{"]
    for key, fact in facts.items():
        lines += _fact(key, fact)
    return "\n".join([*lines, f"{STEP}}},", ""])


def _fact(key: str, fact: Fact) -> list[str]:
    indent = 2 * STEP
    tail = [_literal(fact.mark), "DATE", *([_literal(fact.source)] if fact.source else [])]
    if not isinstance(fact.value, Mapping):
        line = f"{indent}{_literal(key)}: Fact({', '.join([_literal(fact.value), *tail])}),"
        if len(line) <= WIDTH:
            return [line]
    value = list(_value(fact.value, indent + STEP))
    rest = [f"{indent}{STEP}{one}," for one in tail]
    return [f"{indent}{_literal(key)}: Fact(", *value, *rest, f"{indent}),"]


def _value(value: Any, indent: str, key: str = "") -> Iterator[str]:
    """A value on lines of its own, with a comma behind it."""
    if not isinstance(value, Mapping) or not value:
        yield from _listed(value, indent, key)
        return
    yield f"{indent}{key}{{"
    for name, one in value.items():
        yield from _value(one, indent + STEP, f"{_literal(name)}: ")
    yield f"{indent}}},"


def _listed(value: Any, indent: str, key: str) -> Iterator[str]:
    line = f"{indent}{key}{_literal(value)},"
    if len(line) <= WIDTH or not isinstance(value, list):
        yield line
        return
    yield f"{indent}{key}["
    for one in value:
        yield f"{indent}{STEP}{_literal(one)},"
    yield f"{indent}],"


def _literal(value: Any) -> str:
    """A Python literal, strings in double quotes unless they hold one."""
    if isinstance(value, str):
        plain = value.isprintable() and ('"' not in value or "'" in value)
        return json.dumps(value, ensure_ascii=False) if plain else ascii(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_literal(k)}: {_literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, float) and not math.isfinite(value):
        return "None"
    return repr(value)
