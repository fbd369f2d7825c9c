"""YAML that people write: a file that holds a mapping, numbers as they are meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from encswap.errors import InputError

# The safe loader on libyaml is seven times as fast as the one in Python, and not in every wheel.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_mapping(path: Path, what: str, *, hint: str) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; `what` it should be stands in the error.

    Raises `InputError` where the file is missing, is no YAML or holds something else.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506
    except FileNotFoundError as error:
        raise InputError(f"no such {what}", where=path) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise InputError(f"cannot be read as YAML: {error}", where=path) from error
    if not isinstance(values, dict):
        raise InputError(f"is no {what}: not a mapping", where=path, hint=hint)
    return {str(key): value for key, value in values.items()}


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
