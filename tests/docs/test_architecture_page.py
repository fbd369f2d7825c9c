"""The pages that lead through the house are true: every room, file and name in them exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.test_architecture import LAYERS, PACKAGE, ROOT

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```text\n(.*?)```", re.DOTALL)
STEP = re.compile(r"([\w/]+\.py) +([\w.,]+)  +\S.*")
STEPS = [line for block in BLOCK.findall(CONTRIBUTING) for line in block.splitlines()]


@cache
def names_in(path: Path) -> set[str]:
    """Functions, classes and their methods, and the names that a module assigns."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}" for one in node.body if hasattr(one, "name")}
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {one.id for one in targets if isinstance(one, ast.Name)}
    return found


def test_there_are_three_ways_through_the_house():
    assert len(BLOCK.findall(CONTRIBUTING)) == 3
    assert len(STEPS) > 30


@pytest.mark.parametrize("line", STEPS)
def test_every_step_of_a_way_names_a_file_and_what_it_holds(line: str):
    step = STEP.fullmatch(line)
    assert step is not None, line
    path = PACKAGE / step[1]
    assert path.is_file(), step[1]
    assert set(step[2].split(",")) <= names_in(path), path


def rooms_of_page() -> list[tuple[str, ...]]:
    table = ARCHITECTURE.split("|---|---|\n")[1].split("\n\n")[0]
    first = [line.split("|")[1] for line in table.splitlines()]
    return [tuple(re.findall(r"`(\w+)`", cell)) for cell in first]


def test_the_page_lists_the_rooms_in_the_order_in_which_they_may_import():
    wanted = [tuple(one for one in rooms if one != "__main__") for rooms in LAYERS]
    assert [set(rooms) for rooms in rooms_of_page()] == [set(rooms) for rooms in wanted]


def test_every_room_is_in_the_page_and_every_room_of_the_page_exists():
    listed = {room for rooms in rooms_of_page() for room in rooms}
    there = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    there |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert listed == there


@pytest.mark.parametrize("path", re.findall(r"`([\w/]+(?:\.py|/))`", ARCHITECTURE))
def test_every_place_where_a_new_thing_goes_exists(path: str):
    assert (PACKAGE / path).exists() or (ROOT / path).exists()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/readers.py", "FORMATS"),
        ("data/formats/table.py", "FileFormat"),
        ("check/catalogue.py", "check_compatibility"),
        ("swap/embeddings.py", "adapt_embeddings"),
    ],
)
def test_the_names_of_the_page_are_where_it_says(path: str, name: str):
    assert name in names_in(PACKAGE / path)
