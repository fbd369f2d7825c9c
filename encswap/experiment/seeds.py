"""`train --seeds N` as an experiment with one axis: a run folder per seed, mean and spread.

The folder holds `seeds-asked.json` (what goes on after an interruption), a run folder `seed-N` for
each seed, and at the end `seeds.json`, `results.json`, `results.md` and `results.svg`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from encswap import distributed, files
from encswap.errors import EncswapError, InputError
from encswap.experiment.cell import Task, state_of
from encswap.experiment.grid import Grid, count_documents
from encswap.experiment.plan import Plan, cells_of
from encswap.experiment.results import write_results
from encswap.recipe import Recipe, recorded_recipe
from encswap.report.run_results import read_metrics
from encswap.train import run_folder
from encswap.train.run_files import SEEDS_REQUEST, SeedMetrics, SeedsRequest
from encswap.train.run_folder import METRICS
from encswap.validation import read_record

SUMMARY = "seeds.json"
TrainSeed = Callable[[Task], Mapping[str, Any]]
"""Trains one task, or resumes it where it was begun; returns its metrics."""


@dataclass(frozen=True)
class Seeds:
    """The runs of one recipe with several seeds, in one folder."""

    tasks: tuple[Task, ...]
    root: Path
    allow_pickle: bool = False


def begin_seeds(recipe: Recipe, root: Path, count: int, *, allow_pickle: bool = False) -> Seeds:
    """Write down that `count` seeds are to be trained, from the recipe's on, into a new folder."""
    run_folder.refuse_taken(root)
    distributed.barrier()
    request = {
        "seeds": list(range(recipe.seed, recipe.seed + count)),
        "allow_pickle": allow_pickle,
        "recipe": recipe.model_dump(mode="json"),
    }
    seeds = _seeds_of(request, recipe, root)
    if distributed.is_main():
        try:
            root.mkdir(parents=True, exist_ok=True)
            files.write_json(root / SEEDS_REQUEST, request)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=root) from error
    return seeds


def resume_seeds(root: Path) -> Seeds:
    """Read which seeds a folder is for. Raises `InputError` where all are done."""
    request = read_record(root / SEEDS_REQUEST, SeedsRequest).model_dump()
    recipe = recorded_recipe(request["recipe"], root / SEEDS_REQUEST)
    if (root / SUMMARY).is_file():
        raise InputError("is finished; there is nothing to resume", where=root)
    return _seeds_of(request, recipe, root)


def _seeds_of(request: Mapping[str, Any], recipe: Recipe, root: Path) -> Seeds:
    cells = cells_of(Plan(seeds=tuple(request["seeds"])), recipe, root / SEEDS_REQUEST)
    tasks = tuple(
        Task(cell.name, cell.settings, cell.recipe, root / f"seed-{cell.recipe.seed}", True)
        for cell in cells
    )
    return Seeds(tasks, root, request["allow_pickle"])


def finished_runs(root: Path) -> list[Path]:
    """The run folders of the seeds that are done, in the order of seeds."""
    request = read_record(root / SEEDS_REQUEST, SeedsRequest)
    folders = [root / f"seed-{seed}" for seed in request.seeds]
    return [one for one in folders if (one / METRICS).is_file()]


def train_seeds(seeds: Seeds, train: TrainSeed) -> dict[str, Any]:
    """Train what is not done, one seed after the other; returns mean and spread over all.

    A run that is refused before any seed has begun leaves no folder.
    """
    try:
        runs = {task.recipe.seed: _metrics_of(task, train) for task in seeds.tasks}
    except EncswapError:
        _remove_unbegun(seeds.root)
        raise
    summary = summarise_seeds(runs)
    if distributed.is_main():
        files.write_json(seeds.root / SUMMARY, summary)
    return summary


def write_seed_results(seeds: Seeds) -> None:
    """Write `results.json`, `results.md` and `results.svg`, as every experiment has them.

    Raises `InputError` where a seed's metrics, of another version, hold too little for it.
    """
    grid = Grid(seeds.tasks, count_documents(seeds.tasks), seeds.root)
    write_results(grid, seeds.root.name, None)


def _metrics_of(task: Task, train: TrainSeed) -> Mapping[str, Any]:
    if state_of(task.folder) == "done":
        return read_metrics(task.folder / METRICS, SeedMetrics)
    return train(task)


def _remove_unbegun(root: Path) -> None:
    if distributed.is_main() and [one.name for one in root.iterdir()] == [SEEDS_REQUEST]:
        files.remove(root, root.parent)


def summarise_seeds(runs: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Mean, standard deviation and range of the test F1 over seeds, for all labels and each."""
    tests = [run["test"] for run in runs.values()]
    labels = list(dict.fromkeys(label for test in tests for label in test["per_label"]))
    per_label = {
        label: spread(
            [test["per_label"][label]["f1"] for test in tests if label in test["per_label"]]
        )
        for label in labels
    }
    return {
        "seeds": list(runs),
        "micro": spread([test["micro"]["f1"] for test in tests]),
        "per_label": per_label,
        "targets": dict(_targets(next(iter(runs.values()))["targets"], tests)),
    }


def spread(scores: Sequence[float]) -> dict[str, Any]:
    """Mean and sample standard deviation; one score has none."""
    return {
        "mean": fmean(scores),
        "deviation": stdev(scores) if len(scores) > 1 else None,
        "scores": list(scores),
    }


def _targets(
    targets: Mapping[str, Any], tests: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each target with the mean over seeds."""
    for name, one in targets.items():
        found = [t["micro"] if name == "micro" else t["per_label"].get(name) for t in tests]
        # A label without test mentions is not measured, and so not missed.
        scores = [numbers["f1"] for numbers in found if numbers and numbers.get("support") != 0]
        mean = fmean(scores) if scores else None
        reached = mean >= one["target"] if mean is not None else None
        yield name, {"target": one["target"], "mean": mean, "reached": reached}
