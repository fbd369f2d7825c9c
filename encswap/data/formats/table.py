"""What a file format is: its name, how it is recognised, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encswap.data.locate import Repair
from encswap.domain import Example

Notice = Callable[[str, Repair], None]
"""Told of every repaired gold string: its place as `file:line`, and the repair."""


def _never(_: Any) -> bool:
    return False


@dataclass(frozen=True)
class Format:
    """A file format; `is_record` judges a first JSON object, `is_line` a first other line."""

    name: str
    description: str
    read: Callable[[Path, Notice], Iterator[Example]]
    is_record: Callable[[dict[str, Any]], bool] = _never
    is_line: Callable[[str], bool] = _never
