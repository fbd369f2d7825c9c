"""`export.json`: what an export folder holds, how it was made, and what it was compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from encswap.errors import SourceError
from encswap.files import checksum
from encswap.gliner.decoding import POLICIES
from encswap.validation import read_record

EXPORT = "export.json"
GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
FORMAT = 1
"""The version of the folder's layout; a reader refuses a later one."""
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class ExportedSplitter:
    """The word splitter: its name, the plugin's entry point that gives it, options and files.

    `plugin` is empty for gliner2's own splitters. `files` maps an option to a file of the folder.
    """

    name: str
    plugin: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Description:
    """The contents of `export.json`.

    `positions` is how many subtokens the encoder takes at once, `special_pieces` the tokens that no
    text may give, `stand_in` the piece of a word that has none where words are means of their
    pieces. `files` maps the folder's other files to their SHA-256.
    """

    format: Count
    encswap: str
    precision: Literal["float32", "int8"]
    splitter: ExportedSplitter
    max_width: Count
    max_length: Count
    positions: Count
    special_pieces: tuple[str, ...]
    files: Mapping[str, str]
    pooling: Literal["first", "mean"] = "first"
    stand_in: str = ""
    labels: tuple[str, ...] = ()
    descriptions: Mapping[str, str] = field(default_factory=dict)
    threshold: Share | None = None
    thresholds: Mapping[str, Share] = field(default_factory=dict)
    overlap_policy: str | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    proof: Mapping[str, Any] = field(default_factory=dict)


def is_export(folder: Path) -> bool:
    """Tell whether a folder is an export."""
    return (folder / EXPORT).is_file()


def read_description(folder: Path, *, verify: bool = True) -> Description:
    """Read `export.json` and compare the checksums of the files that it names.

    Raises `SourceError` in one line where the folder is no export, was made by a later version, or
    a file is missing or differs.
    """
    path = folder / EXPORT
    if not path.is_file():
        raise SourceError(
            f"no {EXPORT}, so this is no export",
            where=folder,
            hint="make one with `encswap export RUN --to onnx --out DIR`",
        )
    found = read_record(path, Description, SourceError, what="is no export's description")
    if found.format > FORMAT:
        raise SourceError(
            f"is of format {found.format}, this encswap reads up to {FORMAT}",
            where=path,
            hint=f"it was made by encswap {found.encswap}: upgrade, or export again",
        )
    if found.overlap_policy is not None and found.overlap_policy not in POLICIES:
        raise SourceError(
            f"unknown overlap_policy {found.overlap_policy!r}",
            where=path,
            hint=f"known: {', '.join(POLICIES)}",
        )
    for name in (GRAPH, TOKENIZER, *found.files):
        if name not in found.files or Path(name).name != name:
            raise SourceError(f"its files do not name {name!r} as they must", where=path)
        if not (folder / name).is_file():
            raise SourceError(f"has no {name}", where=folder, hint="copy the whole folder")
        if verify and checksum(folder / name) != found.files[name]:
            raise SourceError(
                "differs from the checksum in export.json",
                where=folder / name,
                hint="copy the folder again, or export again",
            )
    return found
