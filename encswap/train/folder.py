"""The run folder: what a run writes, and the rule that nothing is overwritten."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.errors import InputError
from encswap.manifest import Manifest, write_json, write_manifest
from encswap.swap import gliner

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class RunFolder:
    """A folder that belongs to one run."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """Make a new run folder; one that holds anything is refused."""
        refuse_taken(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / "log.jsonl").touch()
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=path) from error
        return cls(path)

    @property
    def checkpoint(self) -> Path:
        """Where the best model lies."""
        return self.path / CHECKPOINT

    def log(self, **record: Any) -> None:
        """Append one line to log.jsonl."""
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def save_checkpoint(self, model: PreTrainedModel) -> None:
        """Write the model beside the checkpoint and move it there, so that one is always whole."""
        beside, old = self.path / ".checkpoint.writing", self.path / ".checkpoint.old"
        for left in (beside, old):
            shutil.rmtree(left, ignore_errors=True)
        gliner.save_model(model, beside)
        if self.checkpoint.is_dir():
            self.checkpoint.replace(old)
        beside.replace(self.checkpoint)
        shutil.rmtree(old, ignore_errors=True)

    def write_manifest(self, manifest: Manifest) -> None:
        """Write encswap.json into the run and beside the checkpoint's weights."""
        write_manifest(manifest, self.path)
        if self.checkpoint.is_dir():
            write_manifest(manifest, self.checkpoint)

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write metrics.json."""
        write_json(self.path / "metrics.json", metrics)

    def write_lines(self, name: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Write a JSON Lines file in one step."""
        beside = self.path / f".{name}.writing"
        with beside.open("w", encoding="utf-8") as file:
            for record in records:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        beside.replace(self.path / name)

    def write_text(self, name: str, text: str) -> None:
        """Write a text file in one step."""
        beside = self.path / f".{name}.writing"
        beside.write_text(text, encoding="utf-8")
        beside.replace(self.path / name)


def refuse_taken(path: Path) -> None:
    """Refuse an output folder that exists and holds anything, or is a file."""
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        what = "is a run already" if (path / "encswap.json").is_file() else "exists"
        raise InputError(
            f"{what}; nothing is overwritten", where=path, hint="give --out another folder"
        )
    parent = next(one for one in (path.absolute(), *path.absolute().parents) if one.is_dir())
    if not os.access(parent, os.W_OK):
        raise InputError("cannot be written here", where=path, hint="give --out another folder")
