"""Writing examples to a file of any known format; a file that exists is left as it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from encswap.data.formats.table import Format
from encswap.data.readers import FORMATS, known_format
from encswap.domain import Example
from encswap.errors import InputError, located


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
    writer_of(chosen)
    if path.exists():
        raise InputError("the file exists", where=path, hint="choose another name or remove it")
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as stream:
            stream.write(f"{chosen.header}\n" if chosen.header else "")
            count = sum(stream.write(_written(one, chosen, source)) > 0 for one in examples)
        _publish(part, path)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=path) from error
    finally:
        with suppress(OSError):
            part.unlink()
    return count


def writer_of(chosen: Format) -> Callable[[Example], str]:
    """Return what writes an example of a format; refuse a format that is only read."""
    if chosen.write is None:
        written = ", ".join(name for name, one in FORMATS.items() if one.write is not None)
        raise InputError(f"the format {chosen.name!r} is only read", hint=f"write one of {written}")
    return chosen.write


def _written(example: Example, chosen: Format, source: Path | None) -> str:
    try:
        return writer_of(chosen)(example)
    except InputError as error:
        where = located(source, example.line) if source else None
        raise InputError(error.message, where=where, hint=error.hint) from error


def _publish(part: Path, path: Path) -> None:
    """Give the finished file its name, never over another one."""
    try:
        os.link(part, path)
    except FileExistsError as error:
        raise InputError("the file exists", where=path, hint="choose another name") from error
    except OSError:
        # Some file systems have no hard links.
        part.rename(path)
