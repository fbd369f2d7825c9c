"""`encswap experiment`: a grid of runs from one plan, with means, tests and a figure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from encswap.cli.output import FORMAT_OPTION, OutputFormat, note, write, write_json

if TYPE_CHECKING:
    from encswap.experiment.cell import Task
    from encswap.experiment.grid import Grid, Runner
    from encswap.experiment.plan import Cell

HELP = """Train a grid of runs: encoders, strategies, embeddings, splitters, sizes, seeds.

Every cell is a run folder under OUT/cells. A cell that is done is skipped, one that was killed goes
on, one that fails is kept as a result. Beside them stand results.json, results.md, results.svg.

List what a plan would train:
  encswap experiment plan.yaml --dry-run

Train a part of a plan; the same command goes on where it was stopped:
  encswap experiment plan.yaml --part core --out experiments/heads
"""


class Keep(StrEnum):
    """Which checkpoints stay when a cell is scored."""

    none = "none"
    all = "all"


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("experiment", help=HELP)(experiment)


def experiment(
    plan_file: Path = typer.Argument(..., metavar="PLAN", help="The plan, in YAML."),
    out: Path = typer.Option(None, "--out", "-o", help="Folder; default: experiments/PLAN."),
    part: str = typer.Option(None, "--part", help="A part that the plan names."),
    dry_run: bool = typer.Option(False, "--dry-run", help="List the cells and run nothing."),
    keep_checkpoints: Keep = typer.Option(
        Keep.none, "--keep-checkpoints", help="none: drop each when its cell is scored; or all."
    ),
    retry_failed: bool = typer.Option(False, "--retry-failed", help="Run failed cells again."),
    ray: bool = typer.Option(False, "--ray", help="Run the cells on Ray, on this machine."),
    ray_address: str = typer.Option(None, "--ray-address", help="Run them on this Ray cluster."),
    cpus_per_cell: int = typer.Option(
        None, "--cpus-per-cell", min=1, help="Threads of a cell; with Ray: 1 if not given."
    ),
    format_: OutputFormat = FORMAT_OPTION,
) -> None:
    """Run the command."""
    cells = read_cells(plan_file, part)
    if dry_run:
        write("\n".join(cell.name for cell in cells))
        note(f"{len(cells)} cells")
        return
    from encswap.cli.progress import quiet_libraries
    from encswap.experiment.grid import make_grid

    quiet_libraries()
    runner = _runner(ray or ray_address is not None, ray_address, cpus_per_cell)
    root = out or Path("experiments") / plan_file.stem
    grid = make_grid(cells, root, keep_checkpoints=keep_checkpoints is Keep.all)
    results = _run(grid, runner, retry_failed, plan_file.stem, part)
    if format_ is OutputFormat.json:
        write_json(results)
    else:
        _write_tables(results, format_)
    if waiting := len(grid.waiting(retry_failed=False)):
        note(f"{waiting} cells are being run by another process")
    note(f"results: {root / 'results.json'}, results.md, results.svg")
    if failed := len(grid.failed()):
        note(f"encswap: {failed} of {len(grid.tasks)} cells failed; --retry-failed runs them again")
        raise typer.Exit(1)


def read_cells(path: Path, part: str | None) -> list[Cell]:
    """Read the plan and refuse what no plugin knows."""
    from encswap.experiment.cell import plugins_here
    from encswap.experiment.plan import base_recipe, cells_of, check_names, read_plan

    plan = read_plan(path)
    base = base_recipe(plan, path)
    check_names(plan, base, plugins_here(), path)
    cells = cells_of(plan, base, path, part)
    if any(cell.recipe.rivals for cell in cells):
        from encswap.rivals.contest import refuse_rivals

        for cell in cells:
            refuse_rivals(cell.recipe, plugins_here())
    return cells


def _runner(on_ray: bool, address: str | None, cpus: int | None) -> Runner | None:
    if on_ray:
        from encswap.experiment.on_ray import RayCells, import_ray

        import_ray()
        return RayCells(address, cpus or 1)
    if cpus is not None:
        import torch

        torch.set_num_threads(cpus)
    return None


def _run(
    grid: Grid, runner: Runner | None, retry_failed: bool, plan: str, part: str | None
) -> dict[str, Any]:
    from encswap.experiment.grid import run_grid
    from encswap.experiment.results import write_results

    _note_disk(grid, retry_failed, at_once=getattr(runner, "at_once", 1))
    try:
        run_grid(grid, Lines(), retry_failed=retry_failed, runner=runner)
    except KeyboardInterrupt as stop:
        note("interrupted; the same command goes on")
        raise typer.Exit(130) from stop
    return write_results(grid, plan, part)


def _note_disk(grid: Grid, retry_failed: bool, at_once: int) -> None:
    from encswap.experiment.cell import plugins_here
    from encswap.experiment.grid import disk_use, refuse_full_disk
    from encswap.train.cost import format_bytes

    waiting = grid.waiting(retry_failed=retry_failed)
    if not waiting:
        return
    use = disk_use(waiting, plugins_here(), grid.out, at_once)
    refuse_full_disk(use, grid.out)
    if use.kept is None or use.running is None:
        note(f"{len(waiting)} cells; what they need on disk is known once the models are here")
        return
    note(
        f"{len(waiting)} cells; disk: {format_bytes(use.kept)} for checkpoints that stay, up to "
        f"{format_bytes(use.running)} while cells run, {format_bytes(use.free)} free; time: known "
        "after the first cell"
    )


class Lines:
    """Tells of a grid on stderr, a line a cell."""

    def skipped(self, count: int, failed: int) -> None:
        """Say what is done before."""
        if count:
            note(f"{count} cells are done" + (f", {failed} of them failed" if failed else ""))

    def ended(
        self, task: Task, result: Mapping[str, Any], done: int, total: int, left: float
    ) -> None:
        """Say what a cell gave."""
        from encswap.train.cost import format_seconds

        if "metrics" in result:
            numbers = result["metrics"]["test"]["micro"]
            outcome = f"F1 {numbers['f1']:.3f}"
        else:
            outcome = f"failed: {result.get('failure', {}).get('error', 'it left nothing')}"
        seconds = result.get("cell", {}).get("seconds", 0.0)
        rest = f", about {format_seconds(left)} left" if left else ""
        note(f"{done}/{total} {task.name}: {outcome} ({format_seconds(seconds)}{rest})")


def _write_tables(results: dict[str, Any], format_: OutputFormat) -> None:
    from encswap.cli.tables import table
    from encswap.experiment.results import condition_table, failure_table, markdown_of, pair_table

    if format_ is OutputFormat.markdown:
        write(markdown_of(results))
        return
    write(table(condition_table(results), markdown=False))
    if results["pairs"]:
        write(table(pair_table(results), markdown=False))
        write(f"Differences: the second less the first; {results['test']}.")
    if len(failed := failure_table(results)) > 1:
        write(table(failed, markdown=False))
