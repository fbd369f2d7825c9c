"""What a file format is: its name, and how it is recognised, read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from encswap.data.locate import Repair
from encswap.domain import Example

Notice = Callable[[str, Repair], None]
"""Told of every repaired gold string: its place as `file:line`, and the repair."""


Loss = Literal["descriptions", "empty labels", "ids", "spaces"]
"""What a format may not hold: descriptions, labels without gold, ids, spaces around mentions."""


def _never(_: Any) -> bool:
    return False


@dataclass(frozen=True)
class Format:
    """A file format; `are_lines` judges the first lines of a file, `is_record` a JSON object.

    `write` gives one example as text with its line end; it refuses what the format cannot hold.
    """

    name: str
    description: str
    read: Callable[[Path, Notice], Iterator[Example]]
    write: Callable[[Example], str]
    is_record: Callable[[dict[str, Any]], bool] = _never
    are_lines: Callable[[Sequence[str]], bool] = _never
    header: str = ""
    drops: tuple[Loss, ...] = ()
