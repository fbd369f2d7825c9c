"""The command line: one module per command, and the only place that prints or exits."""

from __future__ import annotations

from encswap.cli.app import app, main

__all__ = ["app", "main"]
