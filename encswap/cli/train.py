"""`encswap train`: swap an encoder in, train, choose on dev, score test once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from encswap.cli.output import FORMAT_OPTION, OutputFormat, note, write, write_json

if TYPE_CHECKING:
    from encswap.recipe import Recipe
    from encswap.train.run_folder import RunFolder

HELP = """Swap an encoder into a GLiNER2 base and train the model.

Epoch and threshold are chosen on dev documents taken from train; test is scored once. Everything
goes into a run folder: checkpoint/, encswap.json, recipe.yaml, metrics.json, predictions.jsonl,
report.html.

  encswap train --encoder ko-deberta --scale mini

  encswap train --encoder ko-deberta --train train.jsonl --test test.jsonl
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
        None,
        "--recipe",
        help="A recipe in YAML, or one of plan and real.",
    ),
    settings: list[str] = typer.Option([], "--set", help="Override a setting: --set epochs=3."),
    strategy: str = typer.Option(None, "--strategy", help="surgical, fresh-heads, scratch, lora."),
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
        None, "--from", help="Format of the files; default: recognised. Of one: --set train.from=…"
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
    protocol: str = typer.Option(None, "--protocol", help="dev, or plan: select on test."),
    scale: str = typer.Option("full", "--scale", help="full, or mini: small models, no download."),
    out: Path = typer.Option(None, "--out", "-o", help="Run folder; default: runs/ENCODER-TIME."),
    occurrences: str = typer.Option(
        None, "--occurrences", help="What a gold string marks: standalone, all or first."
    ),
    labels_per_file: bool = typer.Option(
        None, "--labels-per-file", help="Documents were annotated for their own file's labels."
    ),
    overlap_policy: str = typer.Option(
        None, "--overlap-policy", help="auto, allow, nested, disallow or longest."
    ),
    allow_low_coverage: bool = typer.Option(
        None, "--allow-low-coverage", help="Train although much gold cannot be expressed."
    ),
    allow_pickle: bool = typer.Option(False, "--allow-pickle", help="Accept pickle weights."),
    seeds: int = typer.Option(1, "--seeds", min=1, help="Train with so many seeds: mean, spread."),
    require_targets: bool = typer.Option(
        False, "--require-targets", help="Exit 1 where a target of the recipe is missed."
    ),
    format_: OutputFormat = FORMAT_OPTION,
) -> None:
    """Run the command."""
    from encswap.cli.seeds import is_seeds_folder, report_seeds, resume_seeds, train_seeds
    from encswap.distributed import is_main

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
        "occurrences": occurrences,
        "labels_per_file": labels_per_file,
        "overlap_policy": overlap_policy,
        "allow_low_coverage": allow_low_coverage,
        "splitter_options": splitter_options(user_dictionary),
    }
    if resume is not None and is_seeds_folder(resume):
        metrics, folder = resume_seeds(resume, _train_seed, force=force)
    elif resume is not None:
        metrics, folder = resume_run(resume, force)
    elif seeds == 1:
        recipe = resolve_recipe(overrides, settings, recipe_file, scale)
        metrics, folder = train_run(recipe, out, allow_pickle=allow_pickle)
    else:
        recipe = resolve_recipe(overrides, settings, recipe_file, scale)
        metrics, folder = train_seeds(recipe, out, seeds, _train_seed, allow_pickle=allow_pickle)
    if not is_main():
        return
    write_result = report_seeds if "seeds" in metrics else report
    write_result(metrics, folder, format_)
    # What cannot be judged, for the test documents hold none of it, is no failure.
    missed = [n for n, one in metrics["targets"].items() if one.get("reached") is False]
    if require_targets and missed:
        note(f"encswap: targets missed: {', '.join(missed)}")
        raise typer.Exit(1)


def splitter_options(user_dictionary: Path | None) -> dict[str, str] | None:
    """Options for the word splitter, as a recipe holds them."""
    if user_dictionary is None:
        return None
    return {"user_dictionary": str(user_dictionary.absolute())}


def resolve_recipe(
    overrides: dict[str, Any], settings: list[str], path: Path | None, scale: str
) -> Recipe:
    """Build the recipe from the shipped one, the file, the options and `--set`."""
    from encswap.errors import UnknownNameError
    from encswap.recipe import parse_setting, read_recipe

    if scale not in ("full", "mini"):
        raise UnknownNameError("scale", scale, ["full", "mini"])
    given = {key: value for key, value in overrides.items() if value is not None}
    given |= dict(parse_setting(one) for one in settings)
    given.setdefault("scale", scale)
    return read_recipe(path, given, layers=("mini",) if scale == "mini" else ())


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
    from encswap.cli.seeds import is_seeds_folder
    from encswap.errors import InputError
    from encswap.models import spec_of
    from encswap.plugins import load_plugins
    from encswap.train.run_folder import advice, refuse_taken

    if recipe.encoder is None:
        raise InputError("no encoder", hint="give --encoder NAME; `encswap check` compares them")
    plugins = load_plugins()
    spec_of(recipe.encoder, plugins)
    with watching() as watcher:
        processes.join()
        from encswap.testing.mini.build import build_mini
        from encswap.train.run import RunOptions, default_folder, run_recipe

        path = processes.agree(out or default_folder(recipe.encoder))
        if again is None:
            refuse_taken(path)
        asked = RunOptions(
            allow_pickle=allow_pickle, again=again, force=force, build_mini=build_mini
        )
        try:
            metrics = run_recipe(recipe, path, plugins, watcher, asked)
        except KeyboardInterrupt as stop:
            whole = path.parent if is_seeds_folder(path.parent) else path
            note(f"encswap: interrupted; {advice(path, whole)}")
            raise typer.Exit(130) from stop
    if processes.is_main():
        draw_report(path)
    return metrics, path


def _train_seed(
    recipe: Recipe, path: Path, *, allow_pickle: bool, force: bool
) -> Mapping[str, Any]:
    """Train one seed into its folder, or resume it where it was begun."""
    if (path / "encswap.json").is_file():
        note(f"seed {recipe.seed}: goes on")
        return resume_run(path, force)[0]
    note(f"seed {recipe.seed}")
    return train_run(recipe, path, allow_pickle=allow_pickle)[0]


def report(metrics: dict[str, Any], folder: Path, format_: OutputFormat) -> None:
    """Write the result."""
    from encswap.cli.tables import score_tables

    if format_ is OutputFormat.json:
        write_json({**metrics, "run": str(folder)})
    else:
        write(score_tables(metrics, markdown=format_ is OutputFormat.markdown))
        note(f"run folder: {folder}")
