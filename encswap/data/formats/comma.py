"""Rows of CSV with the lines on which they begin; a quoted field may hold line breaks."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from encswap.data.input import LONGEST_LINE, Head, Input

Cells = tuple[int, list[str]]
DELIMITERS = ",;"


def csv_rows(source: Input, delimiter: str) -> Iterator[Cells]:
    """Yield `(line, cells)` of each row that is not blank; raise InputError where it is no CSV."""
    rows = _rows(source.lines(), delimiter)
    while True:
        try:
            found = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise source.error(
                f"not CSV ({error})", 'write a field that holds a comma or a quote in "…"'
            ) from error
        yield found


def head_rows(head: Head, delimiter: str, most: int) -> list[Cells]:
    """Return the first rows of a head, as far as they are CSV."""
    found: list[Cells] = []
    try:
        found.extend(_rows(head.lines[:most], delimiter))
    except csv.Error:
        return found
    # A quoted field may go on behind the head.
    return found if head.complete and most >= len(head.lines) else found[:-1]


def _rows(lines: Iterable[tuple[int, str]], delimiter: str) -> Iterator[Cells]:
    csv.field_size_limit(LONGEST_LINE)
    read = 0

    def fed() -> Iterator[str]:
        nonlocal read
        for number, line in lines:
            read = number
            yield f"{line}\n"

    begun = 1
    for cells in csv.reader(fed(), delimiter=delimiter, strict=True):
        if any(cell.strip() for cell in cells):
            yield begun, cells
        begun = read + 1
