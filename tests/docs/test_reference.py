"""The generated pages are what the program writes now."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import encswap
from encswap.recipe import Recipe

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("encswap_docs_reference", DOCS / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands.md", "recipe.md", "api.md"])
def test_a_generated_page_is_what_the_program_writes(reference: ModuleType, name: str):
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == reference.PAGES[name](), "run `python docs/reference.py`"


def test_every_command_and_subcommand_has_its_section(reference: ModuleType):
    paths = [path for path, _ in reference.commands()]
    assert ("data", "inspect") in paths and ("train",) in paths
    written = (DOCS / "commands.md").read_text(encoding="utf-8")
    for path in paths:
        assert f" `encswap {' '.join(path)}`\n" in written


def test_every_recipe_field_has_a_row_with_a_type(reference: ModuleType):
    page = reference.recipe_page()
    for field in Recipe.model_fields:
        found = re.search(rf"^\| `{field}` \| ([^|]+) \|", page, re.MULTILINE)
        assert found and found[1].strip(), field


def test_every_public_name_has_a_section_with_a_docstring(reference: ModuleType):
    page = reference.api_page()
    for name in encswap.__all__:
        section = page.split(f"\n## `{name}`\n")[1].split("\n## ")[0]
        assert section.split("```")[2].strip(), name
