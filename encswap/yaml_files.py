"""YAML that people write: a file that holds a mapping, numbers as they are meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from encswap.errors import InputError

# libyaml is seven times as fast as Python, not in every wheel, and crashes on a hundred thousand
# open brackets: it reads what lies beside installed code, nothing that came from elsewhere.
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_NODES = 1_000_000
# Only what YAML 1.2 takes for a number and YAML 1.1 for a text: `nan` and `1_0` are names.
_EXPONENT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)")


def read_mapping(path: Path, what: str, *, hint: str, installed: bool = False) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; `what` it should be is named in the error.

    `installed` says that it came with code that runs here anyway.

    Raises `InputError` where the file is missing, is no YAML or holds something else.
    """
    try:
        if not path.is_file() and not path.is_fifo():
            raise FileNotFoundError
        values = parse_yaml(
            path.read_text(encoding="utf-8"), _FAST if installed else yaml.SafeLoader
        )
    except FileNotFoundError as error:
        raise InputError(f"no such {what}", where=path) from error
    except (OSError, ValueError, OverflowError, yaml.YAMLError, RecursionError) as error:
        line = "it is nested too deep" if isinstance(error, RecursionError) else error
        raise InputError(f"cannot be read as YAML: {line}", where=path) from error
    if not isinstance(values, dict):
        raise InputError(f"is no {what}: not a mapping", where=path, hint=hint)
    return {str(key): value for key, value in values.items()}


def parse_yaml(text: str, kind: Any = yaml.SafeLoader) -> Any:
    """Parse YAML that a person wrote; no key twice, no bomb of aliases, none that holds itself."""
    loader = kind(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}) > MOST_NODES:
            raise yaml.YAMLError("its aliases unfold into more than a file of settings can hold")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _size(node: Any, known: dict[int, int]) -> int:
    """How many values a node unfolds into; one that holds itself is over every limit.

    A key that occurs twice in one mapping is refused.
    """
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = MOST_NODES + 1  # what it is while its own parts are counted
        if isinstance(node, yaml.MappingNode):
            _refuse_twice(node)
        parts = [
            one for pair in node.value for one in (pair if isinstance(pair, tuple) else [pair])
        ]
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def _refuse_twice(node: yaml.MappingNode) -> None:
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    twice = next((key for place, key in enumerate(keys) if key in keys[:place]), None)
    if twice is not None and twice != "<<":
        raise yaml.YAMLError(f"the key {twice!r} stands twice, line {node.start_mark.line + 1}")


def numbered(value: Any) -> Any:
    """Read `2e-5` as a number: YAML 1.1 takes it for a string, because it has no dot."""
    if isinstance(value, Mapping):
        return {key: numbered(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(numbered(one) for one in value)
    return float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else value
