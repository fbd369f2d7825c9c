"""What commands share: formats, JSON on stdout, notes and progress on stderr."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import typer


class Format(StrEnum):
    """How a command writes its result."""

    table = "table"
    json = "json"
    markdown = "markdown"


UNWRITABLE = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM,
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG,
)  # fmt: skip
FORMAT_OPTION = typer.Option(Format.table, "--format", "-f", help="How to write the result.")


def write_json(value: Any) -> None:
    """Write one JSON document to stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write(text: str) -> None:
    """Write text to stdout."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def note_all(notes: Iterable[object], file: object) -> None:
    """Write what a reader passed over, a line for each kind, once a file has been read."""
    for one in notes:
        note(f"{file}: {one}")


def note(text: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(text + "\n")


@contextmanager
def new_text_file(path: Path | None) -> Iterator[IO[str]]:
    """Open a new file that appears once it is whole, or stdout where none is named.

    Raises `InputError` where the file is there already, also if it came meanwhile, or cannot be
    written; nothing is left behind then.
    """
    from encswap.errors import InputError

    if path is None:
        yield sys.stdout
        return
    if os.path.lexists(path):
        raise InputError("exists; nothing is overwritten", where=path)
    beside = path.with_name(f".{path.name}.writing")
    try:
        with beside.open("w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _publish(beside, path)
    except FileExistsError as error:
        raise InputError("exists; nothing is overwritten", where=path) from error
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise InputError(f"cannot be written: {error.strerror}", where=path) from error
    finally:
        with suppress(OSError):
            beside.unlink()


def _publish(beside: Path, path: Path) -> None:
    """Give the finished file its name; unlike a rename, a link never replaces what came since."""
    try:
        os.link(beside, path)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems have no hard links.
        beside.rename(path)
