"""The Trainer's states on disk: sealed with sums, proven before they are read, one always whole."""

from __future__ import annotations

import json
import pickle
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encswap import distributed as processes
from encswap import files
from encswap.errors import InputError, SourceError
from encswap.train.progress import Progress
from encswap.validation import read_record

STATE, WRITING_STATE = "state", ".state.writing"
PROGRESS, TRAINER_STATE = "progress.json", "trainer_state.json"
SUMS = ".sums.json"
"""Size and SHA-256 of every file of a folder that was written whole."""
WEIGHTS = ("model.safetensors", "pytorch_model*", "adapter_model*", "*.index.json")
BROKEN = (OSError, ValueError, TypeError, KeyError, AttributeError, EOFError, RuntimeError)


@dataclass(frozen=True)
class StateWriter:
    """Puts a state of the Trainer, written beside its place, where a resumption looks for it."""

    path: Path
    progress: Progress

    @property
    def writing(self) -> Path:
        """Where the Trainer writes."""
        return self.path / WRITING_STATE

    def make_room(self) -> None:
        """Let go of the last state but one, so that never more than two lie on the disk."""
        drop_older(self.path)

    def move(self, written: Path) -> None:
        """Prove a state whole, then move it into place; the one before it stays beside."""
        files.write_json(written / PROGRESS, self.progress.as_dict())
        seal(written)
        files.sync_tree(written)
        if fault := fault_of_state(written):
            raise OSError(f"the state was not written whole: {fault}")
        files.exchange(written, self.path / STATE)
        files.remove(self.writing, self.path)


def seal(folder: Path) -> None:
    """Write down size and checksum of every file of a folder, in the folder."""
    files.write_json(folder / SUMS, files.checksums(folder, without=[SUMS]))


def fault_of(folder: Path) -> str:
    """Say in what a sealed folder differs from what was sealed; empty where in nothing.

    One without a seal, which an older version wrote, has no fault that could be told here.
    """
    if not (folder / SUMS).is_file():
        return ""
    try:
        known = json.loads((folder / SUMS).read_text(encoding="utf-8"))
        return files.first_fault(
            folder, {files.relative_name(name): one for name, one in known.items()}
        )
    except (*BROKEN, SourceError):
        return f"{SUMS} cannot be read"


def fault_of_state(folder: Path) -> str:
    """Say what a state lacks to be gone on from; empty where nothing.

    The Trainer itself goes on without an optimizer, a schedule or random states, to other weights.
    """
    for name in (PROGRESS, TRAINER_STATE):
        if not (folder / name).is_file():
            return f"{name} is missing"
    try:
        _progress_of(folder)
        json.loads((folder / TRAINER_STATE).read_text(encoding="utf-8"))
    except InputError as error:
        return f"{PROGRESS} {error.message}"
    except BROKEN as error:
        return f"its JSON cannot be read: {type(error).__name__}"
    return _missing(folder) or fault_of(folder) or _unreadable(folder)


def _missing(folder: Path) -> str:
    if any(folder.glob("global_step*")):
        return ""  # DeepSpeed keeps all of it in a folder of its own
    wanted: list[tuple[str, tuple[str, ...]]] = [
        ("model.safetensors", WEIGHTS),
        ("optimizer.pt", ("optimizer*",)),
        ("scheduler.pt", ("scheduler.pt",)),
    ]
    count = processes.world_size()
    names = [f"rng_state_{n}.pth" for n in range(count)] if count > 1 else ["rng_state.pth"]
    wanted += [(name, (name,)) for name in names]
    for told, patterns in wanted:
        if not any(True for pattern in patterns for _ in folder.glob(pattern)):
            return f"{told} is missing"
    return ""


def _unreadable(folder: Path) -> str:
    """Read pickles as the Trainer will, without code, and the headers of tensors."""
    import torch
    from safetensors import SafetensorError, safe_open

    for path in sorted([*folder.glob("*.pt"), *folder.glob("*.pth")]):
        try:
            with _allowed():
                torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except (*BROKEN, pickle.UnpicklingError) as error:
            return f"{path.name} cannot be read: {_first_words(error)}"
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt"):
                pass
        except (*BROKEN, SafetensorError) as error:
            return f"{path.name} cannot be read: {_first_words(error)}"
    return ""


def _first_words(error: BaseException) -> str:
    said = (str(error).splitlines() or [""])[0][:100]
    return said or type(error).__name__


def _allowed() -> AbstractContextManager[Any]:
    """What the Trainer lets random states hold besides tensors: numpy's arrays."""
    try:
        from transformers.trainer_pt_utils import safe_globals
    except ImportError:
        return nullcontext()
    return safe_globals()  # type: ignore[no-any-return]


def settle(path: Path, *, anew: bool = False) -> str:
    """Make the last whole state of a run the one that is gone on from.

    Returns what was wrong with a later one, which is removed. Raises `InputError` where there are
    states and none is whole, or where the best model so far is damaged; with `anew` what is damaged
    is removed and the run begins again.
    """
    state, old = path / STATE, files.old_of(path / STATE)
    files.recover(state)
    files.recover(path / "checkpoint")
    if not state.is_dir():
        return ""
    fault = fault_of_state(state)
    if fault and old.is_dir() and not fault_of_state(old):
        files.remove(state, path)
        files.recover(state)
        fault, told = "", f"the last state is damaged ({fault}), the one before it is whole"
    else:
        told = ""
    where = state
    if not fault and (fault := _fault_of_best(path / "checkpoint")):
        where = path / "checkpoint"
    if not fault:
        return told
    if not anew:
        raise InputError(
            f"is damaged: {fault}",
            where=where,
            hint="put it back, or train from the beginning with --resume … --force",
        )
    drop_states(path)
    return f"{where.name} is damaged ({fault}): all is trained again"


def _fault_of_best(checkpoint: Path) -> str:
    for name in ("config.json", "encoder_config/config.json", "model.safetensors"):
        if not (checkpoint / name).is_file():
            return f"{name} is missing"
    return fault_of(checkpoint) or _unreadable(checkpoint)


def drop_states(path: Path) -> None:
    """Remove what only a resumption needs of the Trainer."""
    for folder in (path / STATE, files.old_of(path / STATE), path / WRITING_STATE):
        files.remove(folder, path)


def drop_older(path: Path) -> None:
    """Remove the last state but one."""
    files.remove(files.old_of(path / STATE), path)


def read_progress(path: Path) -> Progress:
    """What the run knew when the state that is gone on from was written."""
    return _progress_of(path / STATE)


def _progress_of(folder: Path) -> Progress:
    path = folder / PROGRESS
    progress = read_record(path, Progress, what="is no progress of a run")
    if progress.since_best > max(len(progress.epochs) - 1, 0):
        raise InputError(
            f"is no progress of a run: since_best is {progress.since_best}", where=path
        )
    return progress
