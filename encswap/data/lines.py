"""Reading a file line by line, in UTF-8, with the place of every failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from encswap.errors import InputError, located

BOM = "\ufeff"


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield `(number, line)` from 1, without line ends; only LF and CRLF end a line.

    Raises InputError where the file is missing, empty, or not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            number = 0
            for number, raw in enumerate(stream, start=1):
                yield number, _decode(raw, path, number)
    except OSError as error:
        raise InputError(_reason(error), where=path, hint="give a readable file") from error
    if number == 0:
        raise InputError("the file is empty", where=path, hint="give at least one example")


def _decode(raw: bytes, path: Path, number: int) -> str:
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8 (byte {error.start + 1} of the line)",
            where=located(path, number),
            hint="save the file as UTF-8",
        ) from error
    line = line.removesuffix("\n").removesuffix("\r")
    return line.removeprefix(BOM) if number == 1 else line


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "this is a folder, not a file"
    return f"cannot be read ({error.strerror or error})"
