"""What a file format is: its name, and how it is recognised, read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from encswap.data.input import Head, Input
from encswap.data.locate import Occurrences
from encswap.data.notes import Notes
from encswap.types import Example


@dataclass(frozen=True)
class ReadOptions:
    """What a person said of a file.

    `format` is a format's name, or `auto`. `tag_column` is the number of a column, from 1, or its
    name in the header. `label` is the label of tags that have none. `occurrences` says which
    occurrences a gold string marks; `labels_per_file` that every document of a file was annotated
    for the labels of that file alone. `label_names` are the names of tags that are numbers, from
    0.
    """

    format: str = "auto"
    tag_column: str | None = None
    label: str | None = None
    occurrences: Occurrences = "standalone"
    labels_per_file: bool = False
    label_names: tuple[str, ...] = ()


def names_in(text: str | None) -> tuple[str, ...]:
    """Return the names that are listed with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text else ()


Loss = Literal[
    "descriptions",
    "empty labels",
    "ids",
    "label sets",
    "overlaps",
    "spaces",
    "tasks",
    "unlocated",
]
"""What a format may not hold.

Descriptions, labels without gold, ids, the labels that a record was annotated for, mentions that
overlap, white space around mentions, gold of other tasks, and gold that is not in its text.
"""
HARD: tuple[Loss, ...] = ("label sets", "overlaps", "tasks", "unlocated")
"""What a format does not hold unless it says so (`keeps`)."""


@dataclass(frozen=True)
class Fit:
    """The head fits, by so much evidence: 1 is sure, 0.5 possible; `evidence` says what."""

    score: float
    evidence: str = ""


@dataclass(frozen=True)
class Misfit:
    """The head is near this format; `line` is the first that does not fit, and `reason` why."""

    line: int | None
    reason: str


Verdict = Fit | Misfit | None
"""None: nothing in the head is of this format."""


@dataclass(frozen=True)
class FileFormat:
    """A file format.

    `fit` judges the beginning of an input; it raises nothing. `read` yields the examples of an
    input, and adds to the notes what it passes over. `write` gives one example as text with its
    line end, and refuses what the format cannot hold; None where it is only read.
    """

    name: str
    description: str
    fit: Callable[[Head], Verdict]
    read: Callable[[Input, ReadOptions, Notes], Iterator[Example]]
    write: Callable[[Example], str] | None = None
    header: str = ""
    drops: tuple[Loss, ...] = ()
    keeps: tuple[Loss, ...] = ()

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What is lost of an example that is written so."""
        return (*self.drops, *(loss for loss in HARD if loss not in self.keeps))
