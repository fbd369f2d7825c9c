"""Blocks of lines with blank lines between them: how column formats keep their examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from encswap.data.lines import read_lines
from encswap.errors import InputError, located


@dataclass
class Block:
    """The comments and the rows of one example, with their line numbers."""

    path: Path
    comments: list[str] = field(default_factory=list)
    rows: list[tuple[int, str]] = field(default_factory=list)

    def error(self, line: int, message: str, hint: str) -> InputError:
        """Build an InputError that stands at a line of the block."""
        return InputError(message, where=located(self.path, line), hint=hint)

    @property
    def line(self) -> int:
        """The line of the first row."""
        return self.rows[0][0]


def read_blocks(path: Path, is_comment: Callable[[str], bool]) -> Iterator[Block]:
    """Yield the blocks that have rows; a file without any is refused."""
    block, count = Block(path), 0
    for number, line in read_lines(path):
        if not line.strip():
            if block.rows:
                count += 1
                yield block
            block = Block(path)
        elif is_comment(line) and not block.rows:
            block.comments.append(line)
        else:
            block.rows.append((number, line))
    if block.rows:
        yield block
    elif not count:
        raise InputError("the file holds no rows", where=path, hint="give an example")
