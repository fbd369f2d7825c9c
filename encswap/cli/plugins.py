"""The `plugins` command."""

from __future__ import annotations

import typer


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
