"""Templates escape what is put in, and a name that a template lacks is an error."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest

from encswap.escaping import MarkdownText, markdown_table, number_rules
from encswap.report.rendering import TEMPLATES, PageCell, PageTable, render_markdown, render_page

EVIL = '<img src=x onerror="alert(1)"> & | ` *x* [a](b)'


@pytest.fixture
def template(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Write a template and have both environments read from its folder."""

    def write(content: str) -> str:
        (tmp_path / "one").write_text(content, encoding="utf-8")
        return "one"

    from encswap.report import rendering

    monkeypatch.setattr(rendering, "TEMPLATES", tmp_path)
    for environment in (rendering._html, rendering._markdown):
        environment.cache_clear()
    yield write
    for environment in (rendering._html, rendering._markdown):
        environment.cache_clear()


def test_a_value_in_a_page_is_text(template):
    written = render_page(template("{{ value }}"), value=EVIL)
    assert "<" not in written and '"' not in written


def test_a_value_in_markdown_is_text_unless_it_says_that_it_is_markdown(template):
    name = template("{% for one in values %}{{ one }};{% endfor %}")
    written = render_markdown(name, values=[EVIL, MarkdownText("**b**")])
    assert "\\<img" in written and "\\|" in written and written.endswith(";**b**;")


@pytest.mark.parametrize("render", [render_page, render_markdown])
def test_a_name_that_is_not_given_is_an_error(template, render):
    with pytest.raises(jinja2.UndefinedError):
        render(template("{{ lacking }}"))


def test_only_figures_data_and_our_own_files_go_in_unescaped():
    found = {
        one
        for path in TEMPLATES.glob("*.html")
        for one in re.findall(r"{{([^}]*\| *safe)", path.read_text(encoding="utf-8"))
    }
    assert {one.strip() for one in found} == {
        "drawing.wide | safe",
        "drawing.narrow | safe",
        "one | safe",  # a figure of one label
    }


def test_a_table_of_markdown_escapes_its_cells_once():
    rows = [["label", "n"], ["a|b", MarkdownText("`c`")]]
    assert markdown_table(rows, number_rules(2)).splitlines() == [
        "| label | n |",
        "| --- | ---: |",
        "| a\\|b | `c` |",
    ]


def test_a_row_of_one_cell_is_a_heading_across_the_table():
    table = PageTable("c", ["a", "b"], [["group"], [PageCell("x"), PageCell("y", "words")]])
    assert [len(row) for _, row in table.lines] == [1, 2]
    assert not table.holds_words(1)
