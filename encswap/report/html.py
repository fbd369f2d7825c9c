"""Small parts that a page is put together from; all words are escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Safe:
    """HTML that is written by this package, not read from a file."""

    html: str


Cell = str | Safe


def cell_html(cell: Cell) -> str:
    """Escape words; leave HTML as it is."""
    return cell.html if isinstance(cell, Safe) else escape(cell)


def table(
    head: Sequence[Cell],
    rows: Sequence[Sequence[Cell]],
    *,
    caption: str,
    classes: Sequence[str] = (),
    body_id: str = "",
) -> str:
    """Write a table whose first column names its rows; `classes` are the rows' own."""
    top = "".join(f'<th scope="col">{cell_html(cell)}</th>' for cell in head)
    lines = []
    for place, row in enumerate(rows):
        name = classes[place] if place < len(classes) else ""
        first = f'<th scope="row">{cell_html(row[0])}</th>'
        rest = "".join(_cell(cell) for cell in row[1:])
        lines.append(f"<tr{_attribute('class', name)}>{first}{rest}</tr>")
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<thead><tr>{top}</tr></thead><tbody{_attribute('id', body_id)}>"
        f"{''.join(lines)}</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    if isinstance(cell, Safe) and cell.html.startswith("<td"):
        return cell.html
    zero = ' class="zero"' if cell == "0" else ""
    return f"<td{zero}>{cell_html(cell)}</td>"


def _attribute(name: str, value: str) -> str:
    return f' {name}="{escape(value)}"' if value else ""


def section(title: str, *parts: str, anchor: str = "") -> str:
    """Write a section under its heading; an `anchor` may take the focus."""
    named = f' id="{anchor}" tabindex="-1"' if anchor else ""
    return f"<section><h2{named}>{escape(title)}</h2>{''.join(parts)}</section>"


def figure(drawing: str, caption: str, note: str = "") -> str:
    """Write a figure with its caption and a note below."""
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<figure><figcaption>{escape(caption)}</figcaption>{drawing}{below}</figure>"


def paragraph(words: str, name: str = "") -> str:
    """Write a paragraph."""
    return f"<p{_attribute('class', name)}>{escape(words)}</p>"


def chip(color: str, words: str) -> Safe:
    """Write words behind a small field of colour."""
    return Safe(f'<span class="chip" style="background:var(--{color})"></span>{escape(words)}')


def options(pairs: Sequence[tuple[str, str]]) -> str:
    """Write the options of a select: value and words."""
    return "".join(
        f'<option value="{escape(value)}">{escape(words)}</option>' for value, words in pairs
    )
