"""The run folder: what a run writes, and the rule that nothing is overwritten."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap import distributed as processes
from encswap import files
from encswap.errors import InputError, TrainingError
from encswap.gliner import model as gliner
from encswap.gliner.training import without_adapters
from encswap.manifest import MANIFEST, Manifest, read_manifest, write_manifest
from encswap.recipe import Recipe, read_recipe, recorded_recipe
from encswap.train import states
from encswap.train.progress import Progress
from encswap.train.states import StateWriter
from encswap.types import Epoch
from encswap.validation import Record, Remembered, parse_json, read_record, validate

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LOG = "log.jsonl"


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read a run's log; of an epoch that stands twice the last line counts.

    A line that was cut off is passed over: the epoch that it speaks of was not whole.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return _once(filter(None, map(_record, lines)))


def kept_lines(path: Path, epochs: Sequence[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Return the log of the whole epochs from which a run goes on; None where it is that already.

    What was said of later epochs is said again when they are trained again, and of an epoch that
    the file has lost at least its own numbers are there.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        text = ""
    logged = {one["epoch"]: one for one in read_log(path) if isinstance(one.get("epoch"), int)}
    kept = [logged.get(epoch["epoch"], epoch) for epoch in epochs]
    return None if text == "".join(map(log_line, kept)) else kept


def log_line(record: dict[str, Any]) -> str:
    """Write one record as a line."""
    return json.dumps(record, ensure_ascii=False) + "\n"


def _record(line: str) -> dict[str, Any] | None:
    try:
        value = parse_json(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _once(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep of each epoch the last line, at the place of the first."""
    found: dict[Any, dict[str, Any]] = {}
    for number, one in enumerate(records):
        epoch = one.get("epoch")
        found[epoch if isinstance(epoch, int) else f"other {number}"] = one
    return list(found.values())


CHECKPOINT = "checkpoint"
LOCK, METRICS, RECIPE = ".lock", "metrics.json", "recipe.yaml"


# What earlier versions left where they were killed before the manifest stood.
SPLITTER_FILE = re.compile(r"splitter-[\w-]+\.txt")
UNBEGUN = (LOCK, LOG, RECIPE, f".{RECIPE}.writing", f".{MANIFEST}.writing")


@dataclass(frozen=True)
class RunFolder:
    """A folder that belongs to one run.

    `new`: nothing was trained here when it was opened. `anew`: a damaged state is no reason to
    refuse, the run begins again. `faults` holds what was wrong with states that were passed over.
    """

    path: Path
    new: bool = False
    anew: bool = False
    faults: list[str] = field(default_factory=list, compare=False)

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """Make a new run folder; one that holds anything of worth is refused."""
        if processes.is_main():
            refuse_taken(path)
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"cannot be written: {error.strerror}", where=path) from error
        processes.barrier()
        return cls(path, new=True)

    @classmethod
    def resume(cls, path: Path, *, anew: bool = False) -> RunFolder:
        """Open the folder of an interrupted run, its last state proven whole.

        Raises `InputError` for a finished one, and for one that another process trains in.
        """
        if is_unbegun(path):
            raise InputError(
                "holds no run that has begun; there is nothing to resume",
                where=path,
                hint="give the command that began it once more: it takes the folder over",
            )
        read_manifest(path)
        folder = cls(path, anew=anew)
        with folder.held():
            return folder

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for a while: a second process that trains in it is refused.

        The system lets go of it when the process dies, however it dies. What another process did
        before this one held it is looked at again.
        """
        if not processes.is_main():
            yield
            return
        with ExitStack() as stack:
            try:
                stack.enter_context(files.locked(self.path / LOCK))
            except files.HeldError as error:
                raise InputError(
                    "another process is training here",
                    where=self.path,
                    hint="wait for it, or stop it and resume",
                ) from error
            except OSError as error:
                raise InputError(f"cannot be written: {error.strerror}", where=self.path) from error
            with explain_write_errors(self.path):
                self._look_again()
            yield

    def _look_again(self) -> None:
        files.clean(self.path)
        if self.new:
            refuse_taken(self.path)
            clear_unbegun(self.path)
            return
        if (self.path / METRICS).is_file():
            self.drop_state()
            raise InputError("is finished; there is nothing to resume", where=self.path)
        if told := states.settle(self.path, anew=self.anew):
            self.faults.append(told)

    @property
    def checkpoint(self) -> Path:
        """Where the best model lies."""
        return self.path / CHECKPOINT

    @processes.main_only
    def log(self, **record: Any) -> None:
        """Append one line to log.jsonl."""
        with (self.path / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    @processes.main_only
    def cut_log(self, epochs: Sequence[Epoch]) -> None:
        """Cut log.jsonl to the whole epochs from which a resumed run goes on."""
        kept = kept_lines(self.path / LOG, [asdict(one) for one in epochs])
        if kept is not None:
            self.write_lines(LOG, kept)

    @processes.main_only
    def save_checkpoint(self, model: PreTrainedModel) -> None:
        """Write the model beside the checkpoint and move it there, so that one is always whole."""
        from encswap.train.used_rows import whole_table

        states.drop_older(self.path)
        with files.replaced_folder(self.checkpoint) as beside:
            with whole_table(model):
                gliner.save_model(without_adapters(model), beside)
            states.seal(beside)

    def state_writer(self, progress: Progress) -> StateWriter:
        """Where the Trainer's own state goes at each epoch's end."""
        writer = StateWriter(self.path, progress)
        if processes.is_main():
            files.remove(writer.writing, self.path)
        processes.barrier()
        return writer

    def find_state(self) -> Path | None:
        """The last whole state of the Trainer, if there is one."""
        state = self.path / states.STATE
        return state if state.is_dir() else None

    def read_progress(self) -> Progress:
        """What the run knew when the last whole state was written."""
        return states.read_progress(self.path)

    @processes.main_only
    def drop_state(self) -> None:
        """Remove what only a resumption needs."""
        states.drop_states(self.path)
        for left in (*self.path.glob(".*.remembered"), self.checkpoint / states.SUMS):
            files.remove(left, self.path)

    def remember(
        self, name: str, kind: type[Record], measure: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Measure once; a resumed run reads what was measured before, where it is a `kind`."""
        path = self.path / f".{name}.remembered"
        found = processes.broadcast(_recall(path, kind))
        if found is None:
            found = json.loads(json.dumps(measure()))
            if processes.is_main():
                files.write_json(path, found)
        return found

    def has_manifest(self) -> bool:
        """Tell whether the run has begun before."""
        return (self.path / MANIFEST).is_file()

    def read_recipe(self) -> Recipe:
        """The recipe: its file, or where that is gone, as the manifest holds it."""
        if self.has_recipe():
            return read_recipe(self.path / RECIPE)
        return recorded_recipe(read_manifest(self.path).recipe, self.path / MANIFEST)

    def has_recipe(self) -> bool:
        """Tell whether the recipe's file is there."""
        return (self.path / RECIPE).is_file()

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
        """Write metrics.json, which says that the run is finished."""
        files.write_json(self.path / METRICS, metrics)

    @processes.main_only
    def write_lines(self, name: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Write a JSON Lines file in one step."""
        files.write_lines(self.path / name, records)

    @processes.main_only
    def write_text(self, name: str, text: str) -> None:
        """Write a text file in one step."""
        files.write_text(self.path / name, text)


def _recall(path: Path, kind: type[Record]) -> dict[str, Any] | None:
    """Read what was measured; what is gone or damaged is measured again."""
    try:
        found = read_record(path, Remembered).root
        validate(found, kind, path)
        return found
    except InputError:
        return None


@contextmanager
def explain_write_errors(folder: Path) -> Iterator[None]:
    """Turn a failed write into one line; what was whole before stays whole."""
    try:
        yield
    except Exception as error:
        reason = files.why_unwritable(error)
        if not reason:
            raise
        raise TrainingError(
            f"cannot be written: {reason}", where=folder, hint=f"make room, then {advice(folder)}"
        ) from error


def advice(folder: Path, whole: Path | None = None) -> str:
    """Say what goes on with a run that was stopped, or with the seeds it is of; only what works."""
    if whole is not None and whole != folder:
        return f"go on with: encswap train --resume {whole}"
    if (folder / METRICS).is_file():
        return f"the run is finished: encswap report {folder}"
    if (folder / MANIFEST).is_file():
        return f"go on with: encswap train --resume {folder}"
    return "give the same command again; nothing was trained yet"


def is_unbegun(path: Path) -> bool:
    """Tell a folder that holds nothing of worth: what a run leaves that died before it had begun.

    A recipe is a person's own, unless the empty log of an earlier version lies beside it.
    """
    if not path.is_dir():
        return False
    sizes = {}
    for one in path.iterdir():
        with suppress(FileNotFoundError):  # another process has let go of its lock meanwhile
            sizes[one.name] = one.lstat().st_size
    left = {name for name in sizes if not files.is_temporary(name)}
    if LOCK in left:  # what the manifest names is copied before it
        left -= {name for name in left if SPLITTER_FILE.fullmatch(name)}
    if not left <= set(UNBEGUN) or sizes.get(LOCK) or sizes.get(LOG):
        return False
    return RECIPE not in left or LOG in left


def clear_unbegun(path: Path) -> None:
    """Remove what a run left that died before it had begun."""
    if is_unbegun(path):
        for one in path.iterdir():
            if one.name != LOCK:  # it is held
                files.remove(one, path)


def refuse_taken(path: Path) -> None:
    """Refuse an output folder that exists and holds anything of worth, or is a file."""
    if not is_unbegun(path):
        refuse_full(path)


def refuse_full(path: Path) -> None:
    """Refuse an output folder that exists and holds anything at all, or is a file."""
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        what = "is a run already" if (path / MANIFEST).is_file() else "exists"
        raise InputError(
            f"{what}; nothing is overwritten", where=path, hint="give --out another folder"
        )
    parent = next(one for one in (path.absolute(), *path.absolute().parents) if one.is_dir())
    if not os.access(parent, os.W_OK):
        raise InputError("cannot be written here", where=path, hint="give --out another folder")
