"""How a file of examples is to be read, where its own shape leaves it open."""

from __future__ import annotations

from dataclasses import dataclass

from encswap.data.occurrences import Occurrences


@dataclass(frozen=True)
class ReadOptions:
    """What a person said of a file.

    `format` is a format's name, or `auto`. `tag_column` is the number of a column, from 1, or its
    name in the header. `label` is the label of tags that have none. `occurrences` says which
    occurrences a gold string marks; `labels_per_file` that every document of a file was annotated
    for the labels of that file alone.
    """

    format: str = "auto"
    tag_column: str | None = None
    label: str | None = None
    occurrences: Occurrences = "standalone"
    labels_per_file: bool = False
