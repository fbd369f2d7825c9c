"""One cell as it is run: skipped where it is done, gone on with where it was killed, else begun."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from encswap import __version__, files
from encswap.data.input import checksum_of
from encswap.data.units import CachedSplitter
from encswap.errors import EncswapError, InputError
from encswap.files import write_json
from encswap.manifest import MANIFEST, read_manifest
from encswap.models import spec_of
from encswap.plugins import Plugins, load_plugins
from encswap.recipe import Recipe, encoder_of
from encswap.report.run_results import read_metrics
from encswap.rivals.contest import competing
from encswap.testing.mini.build import build_mini
from encswap.train.run import RunOptions, run_recipe
from encswap.train.run_files import CellMetrics, CellRecord, Failure
from encswap.train.run_folder import RunFolder, explain_write_errors
from encswap.train.states import drop_states
from encswap.types import Unwatched, Watcher
from encswap.validation import Record, read_record

FAILURE, CELL, METRICS = "failure.json", "cell.json", "metrics.json"
State = Literal["new", "begun", "failed", "done"]
DATA = ("train", "test", "dev")


@dataclass(frozen=True)
class Task:
    """A cell with its folder; it can be sent to another process."""

    name: str
    settings: Mapping[str, Any]
    recipe: Recipe
    folder: Path
    keep_checkpoint: bool = False


def state_of(folder: Path) -> State:
    """Tell how far a cell's folder is."""
    if (folder / METRICS).is_file():
        return "done"
    if (folder / FAILURE).is_file():
        return "failed"
    return "begun" if (folder / MANIFEST).is_file() else "new"


def refuse_other(task: Task) -> None:
    """Refuse a folder that another version or another recipe wrote, in one line that says which.

    Data are compared by their content: a folder may have been moved.
    """
    if not (task.folder / MANIFEST).is_file():
        return
    manifest = read_manifest(task.folder)
    found = []
    if manifest.encswap != __version__:
        found.append(f"encswap: {manifest.encswap} → {__version__}")
    before = Recipe.model_construct(**dict(manifest.recipe)).model_dump(mode="json", warnings=False)
    for key, now in task.recipe.model_dump(mode="json").items():
        if key in DATA:
            if now is not None and manifest.data.get(key) not in (None, checksum_of(_data(now))):
                found.append(f"{key}: the file's content")
        elif before.get(key) != now:
            found.append(f"{key}: {before.get(key)} → {now}")
    if found:
        raise InputError(
            f"was made otherwise: {'; '.join(found)}",
            where=task.folder,
            hint="give --out another folder, or remove this one",
        )


def _data(name: str) -> Path:
    from encswap.data.input import find_data

    return find_data(name)


@contextmanager
def claimed(task: Task) -> Iterator[bool]:
    """Claim a cell for this process; False where another process runs it.

    The system ends the claim when the process dies, however it dies.
    """
    path = task.folder.with_name(f".{task.folder.name}.claim")
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(files.locked(path))
        except files.HeldError:
            yield False
            return
        yield True


def run_task(task: Task, watcher: Watcher | None = None) -> float:
    """Run a cell; a failure is written into its folder as a result. Returns the seconds."""
    began = time.monotonic()
    begun = state_of(task.folder) == "begun"
    if not begun:
        files.remove(task.folder, task.folder.parent)
    try:
        options = RunOptions(
            again=RunFolder.resume(task.folder, anew=True) if begun else None,
            splitter=_splitter_of(task.recipe),
            build_mini=build_mini,
            compete=competing(build_mini) if task.recipe.rivals else None,
        )
        run_recipe(task.recipe, task.folder, plugins_here(), watcher or Unwatched(), options)
    except Exception as error:
        with explain_write_errors(task.folder):
            note_failure(task, error, time.monotonic() - began)
    else:
        if not task.keep_checkpoint:
            files.remove(task.folder / "checkpoint", task.folder)
            for left in (task.folder / "rivals").glob("*/checkpoint"):
                files.remove(left, task.folder)
    seconds = time.monotonic() - began
    told = {"name": task.name, "settings": dict(task.settings), "seconds": round(seconds, 2)}
    write_json(task.folder / CELL, told)
    return seconds


def note_failure(task: Task, error: BaseException, seconds: float) -> None:
    """Write a failure as one line; what the run left stays, without the weights."""
    told = str(error) if isinstance(error, EncswapError) else f"{type(error).__name__}: {error}"
    line = " ".join(told.split())[:600]
    task.folder.mkdir(parents=True, exist_ok=True)
    files.clean(task.folder)
    for left in (METRICS, "checkpoint", ".checkpoint.old"):
        files.remove(task.folder / left, task.folder)
    drop_states(task.folder)
    record = {"error": line, "kind": type(error).__name__, "seconds": round(seconds, 2)}
    write_json(task.folder / FAILURE, record)


def read_result(task: Task) -> dict[str, Any]:
    """What is known of a cell: metrics, failure, seconds; empty where it has not run."""
    found: dict[str, Any] = {}
    if (task.folder / METRICS).is_file():
        found["metrics"] = read_metrics(task.folder / METRICS, CellMetrics)
    others: tuple[tuple[str, str, type[Record]], ...] = (
        ("failure", FAILURE, Failure),
        ("cell", CELL, CellRecord),
    )
    for key, name, kind in others:
        if (task.folder / name).is_file():
            found[key] = read_record(task.folder / name, kind).model_dump()
    return found


@functools.cache
def plugins_here() -> Plugins:
    """The plugins, loaded once in a process."""
    return load_plugins()


@functools.cache
def _shared(name: str, options: str) -> CachedSplitter:
    return CachedSplitter(plugins_here().splitter(name, **json.loads(options)))


def _splitter_of(recipe: Recipe) -> CachedSplitter:
    """The recipe's splitter, shared by the cells of a process: each text is cut once."""
    plugins = plugins_here()
    name = recipe.splitter or spec_of(encoder_of(recipe) or recipe.base, plugins).word_splitter
    return _shared(name, json.dumps(dict(recipe.splitter_options), sort_keys=True, default=str))
