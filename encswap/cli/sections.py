"""Sections of a printed result: a title, a table and notes, for a terminal or as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

PIPED_WIDTH = 120


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
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    width = None if sys.stdout.isatty() else PIPED_WIDTH
    console = Console(width=width, highlight=False, emoji=False)
    for section in sections:
        console.print(f"[bold]{escape(printable(section.title))}[/bold]")
        if section.rows:
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
            for name in section.columns:
                table.add_column(name, justify="right" if name in section.right else "left")
            for number, row in enumerate(section.rows):
                style = "red" if number in section.bad else None
                table.add_row(*(escape(printable(cell)) for cell in row), style=style)
            console.print(table)
        for line in section.notes:
            console.print(printable(line), markup=False)
        console.print()


def markdown_of(sections: Sequence[Section]) -> str:
    """Return sections as Markdown."""
    parts = []
    for section in sections:
        parts.append(f"## {section.title}\n")
        if section.rows:
            rules = ["---:" if name in section.right else "---" for name in section.columns]
            rows = [section.columns, rules, *section.rows]
            parts.append("".join(_line(row) for row in rows))
        if section.notes:
            parts.append("".join(f"- {line}\n" for line in section.notes))
    return "\n".join(parts)


def printable(text: str) -> str:
    """Spell out what would move the cursor or hide: control and zero-width characters."""
    return "".join(
        char if char.isprintable() or char in "\u200c\u200d" else repr(char)[1:-1] for char in text
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(printable(cell).replace('|', chr(92) + '|') for cell in cells)} |\n"
