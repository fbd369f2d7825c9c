"""The run folder: what a run writes, and the rule that nothing is overwritten."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from encswap import processes
from encswap.errors import InputError, TrainingError
from encswap.manifest import MANIFEST, Manifest, read_manifest, write_json, write_manifest
from encswap.records import Remembered, read_record
from encswap.swap import gliner
from encswap.swap.adapters import without_adapters
from encswap.swap.rows import whole_table
from encswap.train.progress import Progress

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CHECKPOINT = "checkpoint"
STATE, OLD_STATE, WRITING_STATE = "state", ".state.old", ".state.writing"
PROGRESS, LOCK = "progress.json", ".lock"
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES)
# What torch and safetensors say where the system gave them no room.
WRITE_SIGNS = ("PytorchStreamWriter", "inline_container", "file write failed", "I/O error")


@dataclass(frozen=True)
class RunFolder:
    """A folder that belongs to one run."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """Make a new run folder; one that holds anything is refused."""
        if processes.is_main():
            refuse_taken(path)
            try:
                path.mkdir(parents=True, exist_ok=True)
                (path / "log.jsonl").touch()
            except OSError as error:
                raise InputError(f"cannot be written: {error.strerror}", where=path) from error
        processes.wait()
        return cls(path)

    @classmethod
    def resume(cls, path: Path) -> RunFolder:
        """Open the folder of an interrupted run; a finished one is refused."""
        read_manifest(path)
        if (path / "metrics.json").is_file():
            raise InputError("is finished; there is nothing to resume", where=path)
        return cls(path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for a while: a second process that trains in it is refused.

        The system lets go of it when the process dies, however it dies.
        """
        if not processes.is_main():
            yield
            return
        path = self.path / LOCK
        with path.open("w", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InputError(
                    "another process is training here",
                    where=self.path,
                    hint="wait for it, or stop it and resume",
                ) from error
            yield
            path.unlink(missing_ok=True)

    @property
    def checkpoint(self) -> Path:
        """Where the best model lies."""
        return self.path / CHECKPOINT

    @processes.main_only
    def log(self, **record: Any) -> None:
        """Append one line to log.jsonl."""
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    @processes.main_only
    def save_checkpoint(self, model: PreTrainedModel) -> None:
        """Write the model beside the checkpoint and move it there, so that one is always whole."""
        beside, old = self.path / ".checkpoint.writing", self.path / ".checkpoint.old"
        for left in (beside, old):
            shutil.rmtree(left, ignore_errors=True)
        with whole_table(model):
            gliner.save_model(without_adapters(model), beside)
        if self.checkpoint.is_dir():
            self.checkpoint.replace(old)
        beside.replace(self.checkpoint)
        shutil.rmtree(old, ignore_errors=True)

    def state_writer(self, progress: Progress) -> StateWriter:
        """Where the Trainer's own state goes at each epoch's end."""
        if processes.is_main():
            shutil.rmtree(self.path / WRITING_STATE, ignore_errors=True)
        processes.wait()
        return StateWriter(self.path, progress)

    def find_state(self) -> Path | None:
        """The last whole state of the Trainer, if there is one."""
        return next((p for p in (self.path / STATE, self.path / OLD_STATE) if p.is_dir()), None)

    def read_progress(self) -> Progress:
        """What the run knew when the last whole state was written."""
        state = self.find_state()
        assert state is not None
        progress = read_record(state / PROGRESS, Progress, what="is no progress of a run")
        if progress.since_best > max(len(progress.epochs) - 1, 0):
            raise InputError(
                f"is no progress of a run: since_best is {progress.since_best}",
                where=state / PROGRESS,
            )
        return progress

    @processes.main_only
    def drop_state(self) -> None:
        """Remove what only a resumption needs."""
        for name in (STATE, OLD_STATE, WRITING_STATE):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for left in self.path.glob(".*.remembered"):
            left.unlink()

    def remember(self, name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Measure once; a resumed run reads what was measured before."""
        path = self.path / f".{name}.remembered"
        found: dict[str, Any] | None = None
        if path.is_file():
            found = read_record(path, Remembered).root
        found = processes.agree(found)
        if found is None:
            found = json.loads(json.dumps(measure()))
            if processes.is_main():
                write_json(path, found)
        return found

    def has_manifest(self) -> bool:
        """Tell whether the run has begun before."""
        return (self.path / MANIFEST).is_file()

    def remarks(self) -> tuple[str, ...]:
        """What the manifest tells a reader of the scores."""
        return read_manifest(self.path).remarks

    @processes.main_only
    def write_manifest(self, manifest: Manifest) -> None:
        """Write encswap.json into the run and beside the checkpoint's weights."""
        write_manifest(manifest, self.path)
        if self.checkpoint.is_dir():
            write_manifest(manifest, self.checkpoint)

    @processes.main_only
    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write metrics.json."""
        write_json(self.path / "metrics.json", metrics)

    @processes.main_only
    def write_lines(self, name: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Write a JSON Lines file in one step."""
        beside = self.path / f".{name}.writing"
        with beside.open("w", encoding="utf-8") as file:
            for record in records:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        beside.replace(self.path / name)

    @processes.main_only
    def write_text(self, name: str, text: str) -> None:
        """Write a text file in one step."""
        beside = self.path / f".{name}.writing"
        beside.write_text(text, encoding="utf-8")
        beside.replace(self.path / name)


@contextmanager
def told_of_writing(folder: Path) -> Iterator[None]:
    """Turn a failed write into one line; what was whole before stays whole."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        number = getattr(error, "errno", None)
        if number in UNWRITABLE:
            reason = os.strerror(number)
        elif any(sign in str(error) for sign in WRITE_SIGNS):
            reason = _in_short(str(error))
        else:
            raise
        raise TrainingError(
            f"cannot be written: {reason}",
            where=folder,
            hint="the last whole state is kept; make room, then encswap train --resume it",
        ) from error


def _in_short(said: str) -> str:
    """What was said of a failed write, without where in torch it was noticed."""
    if "inline_container" in said:
        return "the optimizer's state found no room"
    return said.rpartition("I/O error: ")[2].splitlines()[0]


@dataclass(frozen=True)
class StateWriter:
    """Puts a state of the Trainer, written beside its place, where a resumption looks for it."""

    path: Path
    progress: Progress

    @property
    def writing(self) -> Path:
        """Where the Trainer writes."""
        return self.path / WRITING_STATE

    def move(self, written: Path) -> None:
        """Move a whole state into place; at every moment one whole state is there."""
        write_json(written / PROGRESS, self.progress.as_dict())
        state, old = self.path / STATE, self.path / OLD_STATE
        if state.is_dir():
            shutil.rmtree(old, ignore_errors=True)
            state.replace(old)
        written.replace(state)
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(self.writing, ignore_errors=True)


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
