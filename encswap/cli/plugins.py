"""The `plugins` commands."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from encswap.cli import plugins_new, plugins_verify
from encswap.cli.output import FORMAT_OPTION, Format, console, write, write_json
from encswap.escaping import markdown_table, printable

if TYPE_CHECKING:
    from encswap.plugins import PluginRecord

COLUMNS = ("plugin", "from", "hooks", "encoders", "splitters", "state")


def attach(app: typer.Typer) -> None:
    """Add the commands to the application."""
    plugins = typer.Typer(no_args_is_help=True, help="List, begin and verify plugins.")
    plugins.command("list")(list_plugins)
    plugins.command("new", help=plugins_new.HELP)(plugins_new.new)
    plugins.command("verify", help=plugins_verify.HELP)(plugins_verify.verify)
    app.add_typer(plugins, name="plugins")


def list_plugins(format: Format = FORMAT_OPTION) -> None:  # noqa: A002 - the option's name
    """List the plugins: where each comes from, what it offers, and why it was set aside."""
    from encswap.plugins import load_plugins

    records = list(load_plugins().records.values())
    if format is Format.json:
        write_json([asdict(record) for record in records])
    elif format is Format.markdown:
        rows = [COLUMNS, *map(_row, records)]
        write(markdown_table(rows))
    else:
        _print_table(records)
    if any(record.error is not None for record in records):
        raise typer.Exit(1)


def _row(record: PluginRecord) -> list[str]:
    origin = f"{record.distribution} {record.version}".strip() or "built in"
    lists = (record.hooks, record.encoders, record.splitters)
    return [
        record.name,
        origin,
        *(", ".join(one) or "–" for one in lists),
        record.error or "; ".join(["ok", *record.remarks]),
    ]


def _print_table(records: list[PluginRecord]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, overflow="fold")
    for record in records:
        colour = "red" if record.error else "green"
        *cells, state = (escape(printable(cell)) for cell in _row(record))
        table.add_row(*cells, f"[{colour}]{state}[/{colour}]")
    console().print(table)
