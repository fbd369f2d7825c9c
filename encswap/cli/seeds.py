"""`encswap train --seeds N`: the same run with several seeds, as mean and spread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from encswap.cli.output import OutputFormat, note, write, write_json
from encswap.distributed import is_main
from encswap.errors import EncswapError, InputError

if TYPE_CHECKING:
    from encswap.recipe import Recipe

TrainSeed = Callable[..., Mapping[str, Any]]
"""Trains one recipe into one folder: `train_seed(recipe, path, allow_pickle=…, force=…)`."""
SEEDS, ASKED = "seeds.json", "seeds-asked.json"


def train_seeds(
    recipe: Recipe,
    out: Path | None,
    count: int,
    train_seed: TrainSeed,
    *,
    allow_pickle: bool = False,
) -> tuple[dict[str, Any], Path]:
    """Train with `count` seeds from the recipe's on; each run has a folder of its own."""
    from encswap import distributed as processes
    from encswap.train.run import default_folder
    from encswap.train.run_folder import refuse_taken

    processes.join()
    root = processes.agree(
        out or default_folder(recipe.encoder or f"{recipe.base}-{recipe.strategy}")
    )
    refuse_taken(root)
    processes.wait()
    asked = {
        "seeds": list(range(recipe.seed, recipe.seed + count)),
        "allow_pickle": allow_pickle,
        "recipe": recipe.model_dump(mode="json"),
    }
    _write_asked(root, asked)
    try:
        return _train_all(root, asked, train_seed), root
    except EncswapError:
        _take_back(root)
        raise


def resume_seeds(
    root: Path, train_seed: TrainSeed, *, force: bool = False
) -> tuple[dict[str, Any], Path]:
    """Finish the seeds of a folder: those done are read, those begun resumed, the others trained.

    Raises `InputError` where all are done.
    """
    from encswap.recipe import recorded_recipe
    from encswap.train.run_files import AskedSeeds
    from encswap.validation import read_record

    asked = read_record(root / ASKED, AskedSeeds).model_dump()
    recorded_recipe(asked["recipe"], root / ASKED)
    if (root / SEEDS).is_file():
        raise InputError("is finished; there is nothing to resume", where=root)
    return _train_all(root, asked, train_seed, force=force), root


def is_seeds_folder(path: Path) -> bool:
    """Tell whether `train --seeds` has written here."""
    return (path / ASKED).is_file()


def _train_all(
    root: Path, asked: Mapping[str, Any], train_seed: TrainSeed, *, force: bool = False
) -> dict[str, Any]:
    from encswap import files
    from encswap.recipe import recorded_recipe
    from encswap.report.run_results import read_metrics
    from encswap.train.run_files import SeedMetrics

    runs: dict[int, Mapping[str, Any]] = {}
    for seed in asked["seeds"]:
        recipe = recorded_recipe({**asked["recipe"], "seed": seed}, root / ASKED)
        path = root / f"seed-{seed}"
        if (path / "metrics.json").is_file():
            note(f"seed {seed}: done before")
            runs[seed] = read_metrics(path / "metrics.json", SeedMetrics)
        else:
            runs[seed] = train_seed(recipe, path, allow_pickle=asked["allow_pickle"], force=force)
    summary = summarise_seeds(runs)
    if is_main():
        files.write_json(root / SEEDS, summary)
    return summary


def _write_asked(root: Path, asked: Mapping[str, Any]) -> None:
    from encswap import files

    if not is_main():
        return
    try:
        root.mkdir(parents=True, exist_ok=True)
        files.write_json(root / ASKED, asked)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=root) from error


def _take_back(root: Path) -> None:
    """Leave nothing where no seed was begun."""
    from encswap import files

    if is_main() and [one.name for one in root.iterdir()] == [ASKED]:
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
        "targets": _targets(next(iter(runs.values()))["targets"], tests),
    }


def spread(scores: Sequence[float]) -> dict[str, Any]:
    """Mean and sample standard deviation; one score has none."""
    return {
        "mean": fmean(scores),
        "deviation": stdev(scores) if len(scores) > 1 else None,
        "scores": list(scores),
    }


def _targets(targets: Mapping[str, Any], tests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each target beside the mean over seeds."""
    judged = {}
    for name, one in targets.items():
        found = [t["micro"] if name == "micro" else t["per_label"].get(name) for t in tests]
        # A label without test mentions is not measured, and so not missed.
        scores = [numbers["f1"] for numbers in found if numbers and numbers.get("support") != 0]
        mean = fmean(scores) if scores else None
        reached = mean >= one["target"] if mean is not None else None
        judged[name] = {"target": one["target"], "mean": mean, "reached": reached}
    return judged


def report_seeds(summary: Mapping[str, Any], root: Path, format_: OutputFormat) -> None:
    """Write mean and spread."""
    from encswap.cli.tables import table

    if format_ is OutputFormat.json:
        write_json({**summary, "run": str(root)})
        return
    rows: list[Sequence[str]] = [("label", "mean F1", "deviation", "lowest", "highest", "target")]
    for name, one in [*summary["per_label"].items(), ("micro", summary["micro"])]:
        target = summary["targets"].get(name)
        rows.append(
            (
                "all labels" if name == "micro" else name,
                f"{one['mean']:.3f}",
                "" if one["deviation"] is None else f"{one['deviation']:.3f}",
                f"{min(one['scores']):.3f}",
                f"{max(one['scores']):.3f}",
                f"{target['target']:.2f} {_said(target)}" if target else "",
            )
        )
    write(table(rows, format_ is OutputFormat.markdown))
    first, last = summary["seeds"][0], summary["seeds"][-1]
    write(f"Seeds {first} to {last}; where dev is taken from train, each seed takes its own.")
    note(f"run folders: {root}")


def _said(target: Mapping[str, Any]) -> str:
    if target["reached"] is None:
        return "not measured"
    return "reached" if target["reached"] else "not reached"
