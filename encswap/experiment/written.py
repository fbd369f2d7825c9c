"""The files beside a grid's cells: results.json, results.md, results.svg."""

from __future__ import annotations

from typing import Any

from encswap.experiment.drawing import draw
from encswap.experiment.grid import Grid
from encswap.experiment.results import results_of
from encswap.experiment.tables import markdown_of
from encswap.files import write_json, write_text
from encswap.train.folder import told_of_writing


def write_results(grid: Grid, plan: str, part: str | None) -> dict[str, Any]:
    """Write what came out of the grid so far, over what stood there, and return it."""
    results = results_of(grid, plan, part)
    largest = max(grid.documents[str(task.recipe.train)] for task in grid.tasks)
    with told_of_writing(grid.out):
        write_json(grid.out / "results.json", results)
        for name, text in (
            ("results.md", markdown_of(results)),
            ("results.svg", draw(results["conditions"], largest)),
        ):
            write_text(grid.out / name, text)
    return results
