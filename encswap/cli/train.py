"""`encswap train`: swap an encoder in, train, choose on dev, score test once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from encswap.cli.choices import (
    FORMATS_HELP,
    OCCURRENCES,
    OVERLAPS,
    PROTOCOLS,
    SCALES,
    STRATEGIES,
    one_of,
)
from encswap.cli.output import FORMAT_OPTION, OutputFormat, note, write, write_json

if TYPE_CHECKING:
    from encswap.experiment.cell import Task
    from encswap.recipe import Recipe
    from encswap.train.fit import Compete
    from encswap.train.run_folder import RunFolder

HELP = """Swap an encoder into a GLiNER2 base and train the model.

Epoch and threshold are chosen on dev documents taken from train; test is scored once. Everything
goes into a run folder: checkpoint/, encswap.json, recipe.yaml, metrics.json, predictions.jsonl,
report.html.

Look at everything that could fail, and how long it would take, before paying for it:
  encswap train --encoder ko-deberta --train train.jsonl --test test.jsonl --dry-run

Rehearse with small models, without a download:
  encswap train --encoder ko-deberta --scale mini

Train on your own documents:
  encswap train --encoder ko-deberta --train train.jsonl --test test.jsonl --out runs/first

Train the base itself, without a swap:
  encswap train --strategy keep --splitter kiwi --train train.jsonl --test test.jsonl

Go on with a run that was interrupted:
  encswap train --resume runs/first

Know how much of a score is luck, and whether a plain tagger would do:
  encswap train --encoder ko-deberta --seeds 3 --out runs/seeds
  encswap train --encoder ko-deberta --rivals tagger,keep --out runs/rivals
"""


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("train", help=HELP)(train)


def train(
    encoder: str = typer.Option(None, "--encoder", "-e", help="Registered name, hub id or folder."),
    resume: Path = typer.Option(
        None, "--resume", help="Go on with an interrupted run's folder, or with that of --seeds."
    ),
    force: bool = typer.Option(False, "--force", help="Resume although something changed."),
    train_file: str = typer.Option(
        None, "--train", help="Training documents; several files with commas."
    ),
    test_file: str = typer.Option(None, "--test", help="Test documents, scored once."),
    dev_file: str = typer.Option(None, "--dev", help="Dev documents; else taken from train."),
    base: str = typer.Option(None, "--base", help="GLiNER2 base: name, hub id, folder or mini."),
    control: str = typer.Option(None, "--control", help="A GLiNER2 model to score beside, as is."),
    recipe_file: Path = typer.Option(
        None, "--recipe", help="A recipe in YAML, or one of plan, real and mini."
    ),
    settings: list[str] = typer.Option([], "--set", help="Override a setting: --set epochs=3."),
    strategy: str = typer.Option(
        None,
        "--strategy",
        metavar=one_of(STRATEGIES),
        help="What is kept: surgical keeps the heads; keep swaps nothing.",
    ),
    embeddings: str = typer.Option(
        None,
        "--embeddings",
        help="How rows start: transplant, describe, mean, random, overlap, or a plugin's.",
    ),
    splitter: str = typer.Option(None, "--splitter", help="Word splitter; default: the encoder's."),
    user_dictionary: Path = typer.Option(
        None, "--user-dictionary", help="Words that the splitter keeps whole, in its own format."
    ),
    source: str = typer.Option(
        None,
        "--from",
        help="Format of the files; default: recognised. Of one file: --set train.from=…. "
        + FORMATS_HELP,
    ),
    tag_column: str = typer.Option(
        None, "--tag-column", help="Column of the tags: its number from 1, or its name."
    ),
    tag_label: str = typer.Option(
        None, "--tag-label", help="Label of tags that name none (B, I, O)."
    ),
    label_names: str = typer.Option(
        None, "--label-names", help="Names of tags that are numbers, from 0: O,B-PER,I-PER,…"
    ),
    rivals: str = typer.Option(
        None, "--rivals", help="Train beside, with commas: tagger, keep, or a GLiNER2 model."
    ),
    protocol: str = typer.Option(
        None,
        "--protocol",
        metavar=one_of(PROTOCOLS),
        help="Where epoch and threshold are chosen; plan: on test.",
    ),
    scale: str = typer.Option(
        None,
        "--scale",
        metavar=one_of(SCALES),
        help="mini: small models, no download; default: the recipe's.",
    ),
    out: Path = typer.Option(None, "--out", "-o", help="Run folder; default: runs/ENCODER-TIME."),
    occurrences: str = typer.Option(
        None,
        "--occurrences",
        metavar=one_of(OCCURRENCES),
        help="Which places a gold string without offsets marks.",
    ),
    labels_per_file: bool = typer.Option(
        None, "--labels-per-file", help="Documents were annotated for their own file's labels."
    ),
    overlap_policy: str = typer.Option(
        None,
        "--overlap-policy",
        metavar=one_of(OVERLAPS),
        help="Which overlapping spans of one label are returned.",
    ),
    allow_low_coverage: bool = typer.Option(
        None, "--allow-low-coverage", help="Train although much gold cannot be expressed."
    ),
    allow_pickle: bool = typer.Option(False, "--allow-pickle", help="Accept pickle weights."),
    seeds: int = typer.Option(1, "--seeds", min=1, help="Train with so many seeds: mean, spread."),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Check everything, time a few steps, and train nothing."
    ),
    price_per_hour: float = typer.Option(
        None, "--price-per-hour", min=0, help="Price of the machine: adds what the run costs."
    ),
    require_targets: bool = typer.Option(
        False, "--require-targets", help="Exit 1 where a target of the recipe is missed."
    ),
    format_: OutputFormat = FORMAT_OPTION,
) -> None:
    """Run the command."""
    from encswap.distributed import is_main
    from encswap.train.run_files import is_seeds_folder

    overrides: dict[str, Any] = {
        "encoder": encoder,
        "train": train_file,
        "test": test_file,
        "dev": dev_file,
        "base": base,
        "control": control,
        "strategy": strategy,
        "embeddings": embeddings,
        "splitter": splitter,
        "format": source,
        "tag_column": tag_column,
        "tag_label": tag_label,
        "label_names": label_names,
        "protocol": protocol,
        "rivals": rivals,
        "occurrences": occurrences,
        "labels_per_file": labels_per_file,
        "overlap_policy": overlap_policy,
        "allow_low_coverage": allow_low_coverage,
        "splitter_options": splitter_options(user_dictionary),
    }
    if dry_run:
        from encswap.cli.dry_run import check_only

        recipe = resolve_recipe(overrides, settings, recipe_file, scale)
        check_only(recipe, out, format_, resume=resume, runs=seeds, price=price_per_hour)
        return
    began = time.monotonic()
    if resume is not None and is_seeds_folder(resume):
        metrics, folder = train_several(None, resume, force=force)
    elif resume is not None:
        metrics, folder = resume_run(resume, force)
    elif seeds == 1:
        recipe = resolve_recipe(overrides, settings, recipe_file, scale)
        metrics, folder = train_run(recipe, out, allow_pickle=allow_pickle)
    else:
        recipe = resolve_recipe(overrides, settings, recipe_file, scale)
        metrics, folder = train_several(recipe, out, seeds, allow_pickle=allow_pickle)
    if not is_main():
        return
    write_result = report_seeds if "seeds" in metrics else report
    write_result(metrics, folder, format_)
    if price_per_hour is not None:
        note_price(time.monotonic() - began, price_per_hour)
    # What cannot be judged, for the test documents hold none of it, is no failure.
    missed = [n for n, one in metrics["targets"].items() if one.get("reached") is False]
    if require_targets and missed:
        note(f"encswap: targets missed: {', '.join(missed)}")
        raise typer.Exit(1)


def note_price(seconds: float, per_hour: float) -> None:
    """Say how long a command took and what that costs."""
    from encswap.train.cost import format_seconds

    note(f"{format_seconds(seconds)}: {seconds / 3600 * per_hour:.2f} at {per_hour:g} an hour")


def splitter_options(user_dictionary: Path | None) -> dict[str, str] | None:
    """Options for the word splitter, as a recipe holds them."""
    if user_dictionary is None:
        return None
    return {"user_dictionary": str(user_dictionary.absolute())}


def resolve_recipe(
    overrides: dict[str, Any], settings: list[str], path: Path | None, scale: str | None
) -> Recipe:
    """Build the recipe from the shipped one, the file, the options and `--set`.

    Without `scale` the file's own holds, so that a run's `recipe.yaml` trains the same run again.
    """
    from encswap.errors import UnknownNameError
    from encswap.recipe import parse_setting, read_recipe

    if scale not in (None, "full", "mini"):
        raise UnknownNameError("scale", str(scale), ["full", "mini"])
    given = {key: value for key, value in overrides.items() if value is not None}
    given |= dict(parse_setting(one) for one in settings)
    if scale is not None:
        given.setdefault("scale", scale)
    return read_recipe(path, given)


def resume_run(path: Path, force: bool) -> tuple[dict[str, Any], Path]:
    """Go on with an interrupted run, by its own recipe."""
    from encswap.train.run_folder import RunFolder

    folder = RunFolder.resume(path, anew=force)
    return train_run(folder.read_recipe(), path, again=folder, force=force)


def train_run(
    recipe: Recipe,
    out: Path | None,
    *,
    allow_pickle: bool = False,
    again: RunFolder | None = None,
    force: bool = False,
) -> tuple[dict[str, Any], Path]:
    """Prepare and run; the output folder is checked before anything is loaded."""
    from encswap import distributed as processes
    from encswap.cli.progress import watching
    from encswap.cli.report import draw_report
    from encswap.models import spec_of
    from encswap.plugins import load_plugins
    from encswap.recipe import encoder_of
    from encswap.train.run_files import is_seeds_folder
    from encswap.train.run_folder import advice, refuse_taken

    encoder = encoder_of(recipe)
    plugins = load_plugins()
    spec_of(encoder or recipe.base, plugins)
    if recipe.rivals:
        from encswap.rivals.contest import refuse_rivals

        refuse_rivals(recipe, plugins)
    with watching() as watcher:
        processes.init()
        from encswap.testing.mini.build import build_mini
        from encswap.train.run import RunOptions, default_folder, run_recipe

        path = processes.broadcast(out or default_folder(encoder or f"{recipe.base}-keep"))
        if again is None:
            refuse_taken(path)
        options = RunOptions(
            allow_pickle=allow_pickle,
            again=again,
            force=force,
            build_mini=build_mini,
            compete=_competing(recipe),
        )
        try:
            metrics = run_recipe(recipe, path, plugins, watcher, options)
        except KeyboardInterrupt as stop:
            whole = path.parent if is_seeds_folder(path.parent) else path
            note(f"encswap: interrupted; {advice(path, whole)}")
            raise typer.Exit(130) from stop
    if processes.is_main():
        draw_report(path)
    return metrics, path


def _competing(recipe: Recipe) -> Compete | None:
    """What trains the recipe's rivals, where it names any."""
    if not recipe.rivals:
        return None
    from encswap.rivals.contest import competing
    from encswap.testing.mini.build import build_mini

    return competing(build_mini)


def train_several(
    recipe: Recipe | None,
    out: Path | None,
    count: int = 0,
    *,
    allow_pickle: bool = False,
    force: bool = False,
) -> tuple[dict[str, Any], Path]:
    """Train a recipe with `count` seeds, or without one finish the seeds of the folder `out`."""
    from encswap import distributed
    from encswap.cli.report import draw_report
    from encswap.errors import EncswapError
    from encswap.experiment.seeds import (
        begin_seeds,
        resume_seeds,
        train_seeds,
        write_seed_results,
    )
    from encswap.train.run import default_folder

    if recipe is None and out is not None:
        seeds = resume_seeds(out)
        for task in seeds.tasks:
            if (task.folder / "metrics.json").is_file():
                note(f"seed {task.recipe.seed}: done before")
    else:
        assert recipe is not None
        distributed.init()
        named = recipe.encoder or f"{recipe.base}-{recipe.strategy}"
        root = distributed.broadcast(out or default_folder(named))
        seeds = begin_seeds(recipe, root, count, allow_pickle=allow_pickle)

    def train_seed(task: Task) -> Mapping[str, Any]:
        begun = (task.folder / "encswap.json").is_file()
        note(f"seed {task.recipe.seed}" + (": goes on" if begun else ""))
        if begun:
            return resume_run(task.folder, force)[0]
        return train_run(task.recipe, task.folder, allow_pickle=seeds.allow_pickle)[0]

    summary = train_seeds(seeds, train_seed)
    if distributed.is_main():
        try:
            write_seed_results(seeds)
        except EncswapError as error:
            note(f"no results.md: {error}")
        draw_report(seeds.root)
    return summary, seeds.root


def report(metrics: dict[str, Any], folder: Path, format_: OutputFormat) -> None:
    """Write the result."""
    from encswap.cli.tables import score_tables

    if format_ is OutputFormat.json:
        write_json({**metrics, "run": str(folder)})
    else:
        write(score_tables(metrics, markdown=format_ is OutputFormat.markdown))
        note_next(folder)


def note_next(folder: Path) -> None:
    """Say where the run and its page are, and which command comes next."""
    import shlex

    note(f"run folder: {folder}")
    if (page := folder / "report.html").is_file():
        note(f"page: {page}")
    note(f"next: encswap predict {shlex.quote(str(folder))} --text TEXT")


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
                f"{target['target']:.2f} {_reached(target)}" if target else "",
            )
        )
    write(table(rows, format_ is OutputFormat.markdown))
    first, last = summary["seeds"][0], summary["seeds"][-1]
    write(f"Seeds {first} to {last}; where dev is taken from train, each seed takes its own.")
    note(f"run folders: {root}")
    if (page := root / "report.html").is_file():
        note(f"page: {page}")


def _reached(target: Mapping[str, Any]) -> str:
    if target["reached"] is None:
        return "not measured"
    return "reached" if target["reached"] else "not reached"
