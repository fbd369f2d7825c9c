"""YAML that people write: a file that holds a mapping, numbers as they are meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from encswap.errors import InputError

MOST_NODES = 1_000_000


def read_mapping(path: Path, what: str, *, hint: str) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; `what` it should be stands in the error.

    Raises `InputError` where the file is missing, is no YAML or holds something else.
    """
    try:
        if not path.is_file() and not path.is_fifo():
            raise FileNotFoundError
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"no such {what}", where=path) from error
    except (OSError, ValueError, OverflowError, yaml.YAMLError, RecursionError) as error:
        line = "it is nested too deep" if isinstance(error, RecursionError) else error
        raise InputError(f"cannot be read as YAML: {line}", where=path) from error
    if not isinstance(values, dict):
        raise InputError(f"is no {what}: not a mapping", where=path, hint=hint)
    return {str(key): value for key, value in values.items()}


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice, and aliases that unfold into a bomb or into themselves."""

    def compose_document(self) -> Any:
        node = super().compose_document()
        if _size(node, {}) > MOST_NODES:
            raise yaml.YAMLError("its aliases unfold into more than a file of settings can hold")
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for place, key in enumerate(keys) if key in keys[:place]), None)
        if twice is not None and twice != "<<":
            raise yaml.YAMLError(f"the key {twice!r} stands twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def _size(node: Any, known: dict[int, int]) -> int:
    """How many values a node unfolds into; one that holds itself is over every limit."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = MOST_NODES + 1  # what it is while its own parts are counted
        parts = [
            one for pair in node.value for one in (pair if isinstance(pair, tuple) else [pair])
        ]
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def parse_yaml(text: str) -> Any:
    """Parse YAML that a person wrote; no key twice, no bomb."""
    return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a safe loader


def numbered(value: Any) -> Any:
    """Read `2e-5` as a number wherever it stands: YAML 1.1 takes it for a text, it wants a dot."""
    if isinstance(value, Mapping):
        return {key: numbered(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(numbered(one) for one in value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
