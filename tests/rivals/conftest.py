"""A finished run with its rivals on a few documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from encswap.data.input import find_data
from encswap.recipe import Recipe, read_recipe
from encswap.rivals.contest import competing
from encswap.testing.mini.encoders import mini_encoder
from encswap.train.run import RunOptions, run_recipe
from encswap.types import Unwatched


def head(source: str, count: int, path: Path) -> str:
    lines = find_data(source).read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:count]), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session")
def parts(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("parts")
    return {
        "train": head("ko-medical/train.jsonl", 48, folder / "train.jsonl"),
        "test": head("ko-medical/test.jsonl", 16, folder / "test.jsonl"),
    }


@pytest.fixture(scope="session")
def recipe_of(plugins, base_folder, parts) -> Callable[..., Recipe]:
    """A recipe for a few documents; settings override it."""

    def make(**settings: Any) -> Recipe:
        mini_encoder(plugins.encoders["koelectra"])
        given = {"encoder": "koelectra", "scale": "mini", "base": str(base_folder), "epochs": 2}
        return read_recipe(overrides={**given, **parts, **settings}, layers=("mini",))

    return make


@pytest.fixture(scope="session")
def run_of(plugins, recipe_of) -> Callable[..., dict[str, Any]]:
    """Run a recipe with its rivals into a folder."""

    def run(path: Path, **settings: Any) -> dict[str, Any]:
        asked = RunOptions(compete=competing())
        return run_recipe(recipe_of(**settings), path, plugins, Unwatched(), asked)

    return run


@pytest.fixture(scope="session")
def finished(run_of, base_folder, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    path = tmp_path_factory.mktemp("rivals") / "run"
    return path, run_of(path, rivals=f"tagger, keep,{base_folder}")
