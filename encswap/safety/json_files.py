"""JSON files from elsewhere, read so that none can make the reader crash or allocate much."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_BYTES = 4 * 2**20
MOST_TOKENIZER_BYTES = 64 * 2**20
MOST_ITEMS = 100_000
MOST_DEPTH = 20


class UnreadableError(Exception):
    """A file that is there and cannot be used; the text says why, after the file's name."""


def read_json(path: Path, kind: type, most: int = MOST_BYTES) -> Any:
    """Read a JSON file of at most so many bytes whose top is a `kind`.

    Raises `FileNotFoundError`, and `UnreadableError` for everything else that is wrong with it.
    """
    try:
        if path.exists() and not path.is_file():
            raise UnreadableError("is no regular file")
        if path.stat().st_size > most:
            raise UnreadableError(f"has {path.stat().st_size:,} bytes, more than any model's")
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise UnreadableError("is nested too deeply") from error
    except ValueError as error:
        raise UnreadableError(f"is no JSON: {error}") from error
    if not isinstance(value, kind):
        raise UnreadableError(f"is {type(value).__name__}, not {kind.__name__}")
    return value


def walk(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    """Yield path, key and value of everything inside a JSON value; it ends at a fixed depth."""
    if depth > MOST_DEPTH:
        raise UnreadableError("is nested too deeply")
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in items:
        here = f"{path}.{key}" if path else str(key)
        yield here, str(key), one
        if isinstance(one, dict | list):
            if len(one) > MOST_ITEMS:
                raise UnreadableError(f"{here[:80]} has {len(one):,} items, more than any model's")
            yield from walk(one, here, depth + 1)
