"""Writing examples to a file of any known format; a file that exists is left as it is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from encswap.data.formats.table import Format
from encswap.data.readers import known_format
from encswap.domain import Example
from encswap.errors import InputError, located
from encswap.files import new_file


def write_examples(
    examples: Iterable[Example],
    path: Path,
    format: str,  # noqa: A002
    *,
    source: Path | None = None,
) -> int:
    """Write examples as they come and return how many; on a failure no file is left.

    Raises InputError where an example cannot be written so, with its place in `source`.
    """
    chosen = known_format(format)
    if path.exists():
        raise InputError("the file exists", where=path, hint="choose another name or remove it")
    try:
        with new_file(path) as stream:
            stream.write(f"{chosen.header}\n".encode() if chosen.header else b"")
            count = sum(stream.write(_written(one, chosen, source)) > 0 for one in examples)
    except FileExistsError as error:
        raise InputError("the file exists", where=path, hint="choose another name") from error
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=path) from error
    return count


def _written(example: Example, chosen: Format, source: Path | None) -> bytes:
    try:
        return chosen.write(example).encode("utf-8")
    except InputError as error:
        where = located(source, example.line) if source else None
        raise InputError(error.message, where=where, hint=error.hint) from error
