"""The command line: one module per command, and the only place that prints or exits."""

from __future__ import annotations

from encswap.cli import interrupts

interrupts.leave_at_once()  # before typer and the commands are loaded

from encswap.cli.app import app, main  # noqa: E402

__all__ = ["app", "main"]
