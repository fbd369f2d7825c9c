"""What commands share: formats, JSON on stdout, notes and progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import typer


class Format(StrEnum):
    """How a command writes its result."""

    table = "table"
    json = "json"
    markdown = "markdown"


FORMAT_OPTION = typer.Option(Format.table, "--format", "-f", help="How to write the result.")


def write_json(value: Any) -> None:
    """Write one JSON document to stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write(text: str) -> None:
    """Write text to stdout."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def note_all(notes: Iterable[object], file: object) -> None:
    """Write what a reader passed over, a line for each kind, once a file has been read."""
    for one in notes:
        note(f"{file}: {one}")


def note(text: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(text + "\n")
