"""The tutorial is followed to the letter, and ends where its package stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from encswap.plugins import Plugins
from encswap.recipe import read_recipe
from encswap.testing.mini import base as mini

DOCS = Path(__file__).parents[2] / "docs"
DATE = re.compile(r'DATE = "\d{4}-\d{2}-\d{2}"')


@pytest.fixture
def cache(base_folder: Path, plugins: Plugins, tmp_path: Path) -> Path:
    """A cache in which an untrained base stands for the trained one, which takes a minute."""
    folder = tmp_path / "cache" / "mini" / "base" / "mini"
    shutil.copytree(base_folder, folder)
    recipe = read_recipe(layers=(mini.RECIPE,))
    mark = mini._mark(recipe, plugins.bases[recipe.base])
    (folder / "mini.txt").write_text(mark, encoding="utf-8")
    return tmp_path / "cache"


def package(folder: Path) -> dict[str, str]:
    """The text of each file, whatever the day."""
    return {
        path.relative_to(folder).as_posix(): DATE.sub("DATE", path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".toml", ".md") and ".pytest_cache" not in path.parts
    }


def test_the_page_is_followed_to_the_letter(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "followed"
    done = subprocess.run(
        [sys.executable, str(DOCS / "tutorial" / "follow.py"), str(folder)],
        env={**os.environ, "ENCSWAP_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "my-encoder keeps its promises" in done.stdout
    assert "11 passed" in done.stdout
    table = done.stdout.split("$ encswap check --all")[1]
    assert "my-encoder ★" in table and "klue-roberta" in table
    assert (folder / "run" / "metrics.json").is_file()
    ends = package(DOCS / "tutorial" / "encswap-my-encoder")
    assert package(folder / "encswap-my-encoder") == ends
