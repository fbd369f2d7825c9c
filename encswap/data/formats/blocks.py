"""Blocks of lines with blank lines between them: how column formats keep their examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from encswap.data.input import Input
from encswap.errors import InputError


@dataclass
class Block:
    """The comments and the rows of one example, with their line numbers."""

    source: Input
    comments: list[str] = field(default_factory=list)
    rows: list[tuple[int, str]] = field(default_factory=list)

    def error(self, line: int, message: str, hint: str) -> InputError:
        """Build an InputError that stands at a line of the block."""
        return self.source.error(message, hint, line=line)

    @property
    def line(self) -> int:
        """The line of the first row."""
        return self.rows[0][0]


def read_blocks(source: Input, is_comment: Callable[[str], bool]) -> Iterator[Block]:
    """Yield the blocks that have rows; a file without any is refused."""
    block, count = Block(source), 0
    for number, line in source.lines():
        if not line.strip():
            if block.rows:
                count += 1
                yield block
            block = Block(source)
        elif is_comment(line) and not block.rows:
            block.comments.append(line)
        else:
            block.rows.append((number, line))
    if block.rows:
        yield block
    elif not count:
        raise source.error("the file holds no rows", "give an example")
