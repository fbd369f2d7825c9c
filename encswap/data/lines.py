"""Reading a file line by line, in UTF-8, with the place of every failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from encswap.data.input import Input


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield `(number, line)` from 1, without line ends.

    Raises InputError where the file is missing, empty, or not UTF-8.
    """
    with Input(path) as source:
        if source.kind == "folder":
            raise source.error("this is a folder, not a file", "give a readable file")
        yield from source.lines()
