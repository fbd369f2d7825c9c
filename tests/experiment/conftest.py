"""A plan on a few documents and an untrained base, and its grid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from encswap.data.input import find_data
from encswap.experiment.grid import Grid, make_grid
from encswap.experiment.plan import base_recipe, cells_of, read_plan


def head(source: str, count: int, path: Path) -> str:
    lines = find_data(source).read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:count]), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session")
def settings(tmp_path_factory, base_folder) -> dict[str, Any]:
    """The recipe of the smallest run."""
    folder = tmp_path_factory.mktemp("files")
    return {
        "scale": "mini",
        "base": str(base_folder),
        "epochs": 1,
        "train": head("ko-medical/train.jsonl", 24, folder / "train.jsonl"),
        "test": head("ko-medical/test.jsonl", 4, folder / "test.jsonl"),
    }


@pytest.fixture
def plan_file(settings, tmp_path) -> Callable[..., Path]:
    """Write a plan; keywords are its keys, `recipe` is on top of the smallest run."""

    def write(**keys: Any) -> Path:
        recipe = {**settings, **keys.pop("recipe", {})}
        values = {"layers": ["mini"], "encoders": ["koelectra"], "seeds": [1], **keys}
        path = tmp_path / "plan.yaml"
        path.write_text(yaml.safe_dump({**values, "recipe": recipe}), encoding="utf-8")
        return path

    return write


@pytest.fixture
def grid_of(plan_file, tmp_path) -> Callable[..., Grid]:
    """Make the grid of a plan in a folder."""

    def make(out: str = "out", *, keep_checkpoints: bool = False, **keys: Any) -> Grid:
        path = plan_file(**keys)
        plan = read_plan(path)
        cells = cells_of(plan, base_recipe(plan, path), path)
        return make_grid(cells, tmp_path / out, keep_checkpoints=keep_checkpoints)

    return make


class Told:
    """Remembers what a grid tells."""

    def __init__(self) -> None:
        self.before, self.names, self.left = (0, 0), [], []

    def skipped(self, count, failed) -> None:
        self.before = (count, failed)

    def ended(self, task, result, done, total, left) -> None:
        self.names.append(task.name)
        self.left.append(left)


@pytest.fixture
def told() -> Told:
    return Told()
