"""A whole grid: what is done is skipped, the rest runs, here or elsewhere, and is told of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from encswap import __version__, files
from encswap.data.readers import iter_examples, options_of
from encswap.errors import InputError, SourceError
from encswap.experiment.cell import Task, claimed, read_result, refuse_other, run_task, state_of
from encswap.experiment.plan import Cell
from encswap.experiment.subsets import subset_file
from encswap.plugins import Plugins
from encswap.train.cost import STATES, format_bytes, free_bytes, passes, weights_of
from encswap.train.prepare import files_of
from encswap.train.run_files import ExperimentMark
from encswap.validation import read_record

MARK = "experiment.json"
OVER = ("done", "failed")
Runner = Callable[[Sequence[Task]], Iterable[Task]]
"""Runs tasks and yields each as it ends."""


class GridWatcher(Protocol):
    """Who is told how a grid goes on."""

    def skipped(self, count: int, failed: int) -> None:
        """So many cells are done before; of them some failed."""

    def ended(
        self, task: Task, result: Mapping[str, Any], done: int, total: int, left: float
    ) -> None:
        """A cell has ended; about `left` seconds are left."""


@dataclass(frozen=True)
class Grid:
    """The tasks of an experiment in one folder, and the documents of each file that they read."""

    tasks: tuple[Task, ...]
    documents: Mapping[str, int]
    out: Path

    def waiting(self, *, retry_failed: bool) -> list[Task]:
        """The tasks that are not done; those that failed stand among them where asked."""
        over = ("done",) if retry_failed else OVER
        return [task for task in self.tasks if state_of(task.folder) not in over]

    def failed(self) -> list[Task]:
        """The tasks that failed."""
        return [task for task in self.tasks if state_of(task.folder) == "failed"]


def make_grid(cells: Sequence[Cell], out: Path, *, keep_checkpoints: bool) -> Grid:
    """Give every cell its folder and its documents.

    Raises `InputError` where the folder belongs to something else, or to another version.
    """
    refuse_folder(out)
    tasks = []
    for cell in cells:
        recipe = cell.recipe
        if cell.size is not None:
            file = subset_file(
                str(recipe.train),
                cell.size,
                recipe.seed,
                out / "data",
                options_of(recipe, "train"),
            )
            form = {part: options_of(recipe, part).format for part in ("dev", "test")}
            recipe = recipe.model_copy(update={"train": str(file), "format": form})
        folder = out / "cells" / cell.name
        tasks.append(Task(cell.name, cell.settings, recipe, folder, keep_checkpoints))
    for task in tasks:
        refuse_other(task)
    return Grid(tuple(tasks), count_documents(tasks), out)


def refuse_folder(out: Path) -> None:
    """Refuse a folder that holds anything but an experiment of this version; make it else."""
    mark = out / MARK
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not mark.is_file()):
        raise InputError(
            "exists and is no experiment; nothing is overwritten",
            where=out,
            hint="give --out another folder",
        )
    if mark.is_file():
        record = read_record(mark, ExperimentMark, SourceError, what="is no experiment's mark")
        version = record.encswap
        if version != __version__:
            raise InputError(
                f"was written by encswap {version}, this is {__version__}",
                where=out,
                hint="give --out another folder",
            )
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        files.write_json(mark, {"encswap": __version__})
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=out) from error


def count_documents(tasks: Sequence[Task]) -> dict[str, int]:
    """Count the documents of every file that the tasks read."""
    named = {
        name: options_of(task.recipe, part)
        for task in tasks
        for part in ("train", "test", "dev")
        if (name := getattr(task.recipe, part)) is not None
    }
    return {
        name: sum(1 for file in files_of(name) for _ in iter_examples(file, options=options))
        for name, options in named.items()
    }


@dataclass(frozen=True)
class DiskUse:
    """Bytes of the checkpoints that stay, of running cells besides, and free; None: not known."""

    kept: int | None
    running: int | None
    free: int


def disk_use(tasks: Sequence[Task], plugins: Plugins, out: Path, at_once: int) -> DiskUse:
    """Estimate what the tasks write, from the sizes of their models."""
    sizes = {task.name: weights_of(task.recipe, plugins) for task in tasks}
    known = [size for size in sizes.values() if size is not None]
    kept = sum(sizes[task.name] or 0 for task in tasks if task.keep_checkpoint)
    return DiskUse(
        kept=kept if known else None,
        running=STATES * max(known) * at_once if known else None,
        free=free_bytes(out),
    )


def refuse_full_disk(use: DiskUse, out: Path) -> None:
    """Refuse a grid that the disk has no room for."""
    if use.kept is None or use.running is None:
        return
    if use.kept + use.running > use.free:
        least = use.running <= use.free
        raise InputError(
            f"needs {format_bytes(use.kept + use.running)}, {format_bytes(use.free)} are free",
            where=out,
            hint="pass --keep-checkpoints none" if least else "make room or give --out elsewhere",
        )


def run_grid(
    grid: Grid, watcher: GridWatcher, *, retry_failed: bool = False, runner: Runner | None = None
) -> None:
    """Run what is not done; returns when every cell has a result."""
    waiting = grid.waiting(retry_failed=retry_failed)
    done = len(grid.tasks) - len(waiting)
    if retry_failed:
        for task in grid.failed():
            files.remove(task.folder, grid.out)
    watcher.skipped(done, len(grid.failed()))
    work = {task.name: passes(task.recipe, grid.documents) for task in waiting}
    total, began = sum(work.values()), time.monotonic()
    for task in (runner or run_here)(waiting):
        rest = grid.waiting(retry_failed=False)  # other processes may have ended some
        left = sum(work[one.name] for one in rest)
        seconds = (time.monotonic() - began) * left / (total - left)
        watcher.ended(
            task, read_result(task), len(grid.tasks) - len(rest), len(grid.tasks), seconds
        )


def run_here(tasks: Sequence[Task]) -> Iterator[Task]:
    """Run tasks one after the other in this process.

    A task that another process runs in the same folder is passed over, one that it has run is
    yielded as it is: several processes share a grid.
    """
    for task in tasks:
        with claimed(task) as free:
            if not free:
                continue
            if state_of(task.folder) not in OVER:
                run_task(task)
        yield task
