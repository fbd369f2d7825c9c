"""`encswap.json`: what a checkpoint is made of, written beside it and read back at load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from encswap.errors import SourceError
from encswap.files import checksum, write_bytes, write_json
from encswap.types import Source
from encswap.validation import read_record

__all__ = [
    "MANIFEST",
    "Manifest",
    "ModelRecord",
    "SplitterRecord",
    "checksum",
    "describe_splitter",
    "read_manifest",
    "versions_of",
    "write_json",
    "write_manifest",
]
MANIFEST = "encswap.json"


@dataclass(frozen=True)
class ModelRecord:
    """Where a model came from: its name, hub id or folder, and the exact revision."""

    name: str
    identifier: str
    revision: str | None = None

    @classmethod
    def of(cls, source: Source) -> ModelRecord:
        """Record where a model's files came from."""
        return cls(source.name, source.identifier, source.revision)


class SplitterFile(TypedDict):
    """A file that a splitter needs: the name of its copy beside the manifest, and its checksum."""

    name: str
    sha256: str


@dataclass(frozen=True)
class SplitterRecord:
    """The word splitter by name, with its options and the versions of its analyser.

    `files` tells of each option that is a file the `name` of its copy beside the manifest, and its
    `sha256`.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, SplitterFile] = field(default_factory=dict)

    def options_at(self, folder: Path) -> dict[str, Any]:
        """The options, with the copy in `folder` where a file is gone or is another one."""
        chosen = dict(self.options)
        for key, known in self.files.items():
            copy = folder / Path(known["name"]).name
            if copy.is_file() and not _is_still(Path(str(chosen.get(key))), known["sha256"]):
                chosen[key] = str(copy)
        return chosen


@dataclass(frozen=True)
class Manifest:
    """The contents of `encswap.json`.

    `chosen_on` says which documents the threshold and the epoch were chosen on: `dev` or `test`.
    `thresholds` holds the labels that have one of their own.
    """

    encswap: str
    base: ModelRecord
    encoder: ModelRecord
    splitter: SplitterRecord
    max_width: Annotated[int, Field(ge=1, le=100_000)] | None
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    thresholds: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = field(default_factory=dict)
    embeddings: str = "transplant"
    origins: Mapping[str, Annotated[int, Field(ge=0)]] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    descriptions: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    chosen_on: Literal["dev", "test"] | None = None

    @property
    def threshold_source(self) -> str:
        """Where the threshold comes from: `dev`, `test`, or `default` where none was chosen."""
        if self.threshold is None:
            return "default"
        return self.chosen_on or self._recorded_protocol

    @property
    def epoch_source(self) -> str | None:
        """Where the epoch was chosen; None for a model that no documents trained."""
        return (self.chosen_on or self._recorded_protocol) if self.data else None

    @property
    def _recorded_protocol(self) -> str:
        """What a manifest means that was written before `chosen_on` was."""
        return "test" if self.recipe.get("protocol") == "plan" else "dev"


def describe_splitter(name: str, splitter: Any, options: Mapping[str, Any]) -> SplitterRecord:
    """Record a splitter; one that can `describe()` itself tells the versions of its analyser.

    An option KEY is a file where the description holds KEY_sha256.
    """
    described = splitter.describe() if hasattr(splitter, "describe") else {}
    versions = {
        key: str(value) for key, value in described.items() if key not in ("name", "options")
    }
    files: dict[str, SplitterFile] = {
        key: {"name": f"splitter-{key}.txt", "sha256": versions[f"{key}_sha256"]}
        for key in options
        if f"{key}_sha256" in versions
    }
    return SplitterRecord(name, dict(options), versions, files)


def _is_still(path: Path, digest: str) -> bool:
    return path.is_file() and checksum(path) == digest


def write_manifest(manifest: Manifest, folder: Path) -> Path:
    """Write `encswap.json` into the folder, in one step, and the splitter's files before it."""
    for key, known in manifest.splitter.files.items():
        source, copy = Path(str(manifest.splitter.options[key])), folder / known["name"]
        if _is_still(source, known["sha256"]) and not _is_still(copy, known["sha256"]):
            write_bytes(copy, source.read_bytes())
    path = folder / MANIFEST
    write_json(path, asdict(manifest))
    return path


def read_manifest(folder: Path) -> Manifest:
    """Read `encswap.json`; a `SourceError` names the key that is wrong.

    Keys of a later version are logged and ignored.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise SourceError(
            "no encswap.json, so encswap did not write this",
            where=folder,
            hint="plain checkpoints load with gliner2's AutoExtractor.from_pretrained",
        )
    return read_record(path, Manifest, SourceError, what="is no manifest")


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """The installed versions of packages; one that is not installed is left out."""
    from importlib import metadata

    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
