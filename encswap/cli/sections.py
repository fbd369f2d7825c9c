"""Sections of a printed result: a title, a table and notes, for a terminal or as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from encswap.cli.output import console
from encswap.escaping import markdown, markdown_table, printable


@dataclass(frozen=True)
class Section:
    """A titled table; columns named in `right` are numbers; `bad` rows are coloured."""

    title: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    right: Sequence[str] = ()
    bad: Sequence[int] = ()


def print_sections(sections: Sequence[Section]) -> None:
    """Print sections as tables to stdout."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    screen = console()
    for section in sections:
        screen.print(f"[bold]{escape(printable(section.title))}[/bold]")
        if section.rows:
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
            for name in section.columns:
                table.add_column(
                    escape(printable(name)), justify="right" if name in section.right else "left"
                )
            for number, row in enumerate(section.rows):
                style = "red" if number in section.bad else None
                table.add_row(*(escape(printable(cell)) for cell in row), style=style)
            screen.print(table)
        for line in section.notes:
            screen.print(printable(line), markup=False)
        screen.print()


def markdown_of(sections: Sequence[Section]) -> str:
    """Return sections as Markdown."""
    parts = []
    for section in sections:
        parts.append(f"## {markdown(section.title)}\n")
        if section.rows:
            rules = ["---:" if name in section.right else "---" for name in section.columns]
            rows = [section.columns, *section.rows]
            parts.append(markdown_table(rows, rules) + "\n")
        if section.notes:
            parts.append("".join(f"- {markdown(line)}\n" for line in section.notes))
    return "\n".join(parts)
