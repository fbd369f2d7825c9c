from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from encswap.check.catalogue import CODES
from encswap.cli import app

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_section(code: str) -> None:
    assert f"\n## `{code}`\n" in (DOCS / "checks.md").read_text(encoding="utf-8")


def test_the_page_of_checks_is_what_the_product_tells() -> None:
    told = CliRunner().invoke(app, ["check", "--explain", "all"]).stdout
    assert (DOCS / "checks.md").read_text(encoding="utf-8") == told


def test_the_reproduction_holds_the_products_own_table() -> None:
    told = CliRunner().invoke(app, ["check", "--all", "--format", "markdown"]).stdout
    assert told.rstrip() in (DOCS / "plan-reproduction.md").read_text(encoding="utf-8")
