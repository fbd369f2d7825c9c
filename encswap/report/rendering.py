"""Jinja2 templates of pages and cards: what is put in is escaped unless it says that it is safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.escaping import MarkdownText, markdown

if TYPE_CHECKING:
    from jinja2 import Environment

ASSETS = Path(__file__).with_name("assets")
TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class PageCell:
    """A cell of a page's table.

    `name` is its CSS class, `chip` the colour of a small field before the words, `shade` how strong
    its ground is (0 to 100). With `kind`, `label` or `part` it is a button that shows documents.
    """

    text: str
    name: str = ""
    chip: str = ""
    shade: int | None = None
    kind: str = ""
    label: str = ""
    part: str = ""

    @property
    def opens(self) -> bool:
        """Whether choosing it shows documents."""
        return bool(self.kind or self.part)


@dataclass(frozen=True)
class PageTable:
    """A table of a page; the first column names the rows, `names` are the rows' CSS classes.

    A row with one cell is a heading across all columns.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | PageCell]]
    names: Sequence[str] = ()
    body_id: str = ""

    @property
    def lines(self) -> list[tuple[str, list[PageCell]]]:
        """Each row with its class."""
        names = [*self.names, *[""] * (len(self.rows) - len(self.names))]
        return [
            (name, [one if isinstance(one, PageCell) else _cell(one) for one in row])
            for name, row in zip(names, self.rows, strict=True)
        ]

    def holds_words(self, column: int) -> bool:
        """Whether a column holds sentences, which begin at the left, and no numbers."""
        cells = (row[column] for row in self.rows[:1] if len(row) > column)
        return any(isinstance(cell, PageCell) and cell.name == "words" for cell in cells)


def _cell(text: str) -> PageCell:
    return PageCell(text, "zero" if text == "0" else "")


def render_page(template: str, **values: Any) -> str:
    """Render an HTML template; every value is escaped unless it is `Markup`."""
    return _html().get_template(template).render(**values)


def render_markdown(template: str, **values: Any) -> str:
    """Render a Markdown template; every value is escaped unless it is `MarkdownText`."""
    return _markdown().get_template(template).render(**values)


@cache
def _html() -> Environment:
    from markupsafe import Markup

    environment = _environment(autoescape=True)
    environment.globals["asset"] = lambda name: Markup(_asset(name))  # noqa: S704 - our own files
    return environment


@cache
def _markdown() -> Environment:
    # Jinja escapes for HTML alone; `finalize` sees every value that a template puts out.
    return _environment(autoescape=False, finalize=_as_markdown)


def _as_markdown(value: Any) -> Any:
    return value if isinstance(value, MarkdownText) else MarkdownText(markdown(value))


def _environment(**options: Any) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(  # noqa: S701 - a card is Markdown and escaped by `finalize`
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
