"""`encswap predict`: find entities in text with a model that encswap wrote."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING

import typer

from encswap.cli.output import write

if TYPE_CHECKING:
    from encswap.domain import Prediction

HELP = """Find entities in text: coloured on a terminal, else one JSON line per document.

Offsets are in characters. Documents may be of any length; they are read and answered in portions,
so that a file of any size or an endless stdin will do.

  encswap predict runs/ko-deberta-… --text "Treated with insulin for diabetes."

  encswap predict runs/ko-deberta-… notes.txt        (one document a line; - for stdin)
"""
COLORS = ("cyan", "yellow", "green", "magenta", "red", "blue")


class Shape(StrEnum):
    """How predictions are written."""

    auto = "auto"
    text = "text"
    json = "json"


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("predict", help=HELP)(predict)


def predict(
    model: Path = typer.Argument(..., help="A run folder, or a checkpoint with encswap.json."),
    file: str = typer.Argument(None, help="A text file, one document a line; - for stdin."),
    text: str = typer.Option(None, "--text", "-t", help="One document."),
    label: list[str] = typer.Option([], "--label", "-l", help="Labels; default: the model's own."),
    threshold: float = typer.Option(None, "--threshold", help="Default: the model's own."),
    format_: Shape = typer.Option(Shape.auto, "--format", "-f", help="auto: text on a terminal."),
    at_once: int = typer.Option(64, "--batch", min=1, help="Documents that are read at once."),
) -> None:
    """Run the command."""
    from encswap.cli.progress import quiet_libraries
    from encswap.errors import InputError
    from encswap.gliner.markers import refuse_markers

    refuse_markers(label, where="--label")
    if (text is None) == (file is None):
        raise InputError("give either --text or a file", hint="a file may be - for stdin")
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InputError(f"{threshold} is no threshold", where="--threshold", hint="0 < it < 1")
    documents = iter([text]) if text is not None else _lines(_open(file), file)
    quiet_libraries()
    from encswap.train.scoring import predict_saved

    coloured = format_ is Shape.text or (format_ is Shape.auto and sys.stdout.isatty())
    for document, found in predict_saved(
        model, documents, tuple(label), threshold, at_once=at_once
    ):
        if coloured:
            show(document, found)
        else:
            write(json.dumps(as_record(document, found), ensure_ascii=False))
        sys.stdout.flush()


def as_record(document: str, found: Sequence[Prediction]) -> dict[str, object]:
    """A document with its entities, as JSON holds them."""
    entities = [
        {
            "start": one.start,
            "end": one.end,
            "label": one.label,
            "text": document[one.start : one.end],
            "score": round(one.score, 4),
        }
        for one in found
    ]
    return {"text": document, "entities": entities}


def show(document: str, found: Sequence[Prediction]) -> None:
    """Draw a document with its entities in colour, and a line for each of them below."""
    from rich.console import Console
    from rich.text import Text

    # One sign for one: control characters would move the cursor, and the offsets must stay.
    plain = "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in document)
    labels = list(dict.fromkeys(one.label for one in found))
    styles = {label: COLORS[place % len(COLORS)] for place, label in enumerate(sorted(labels))}
    text = Text(plain)
    for one in found:
        text.stylize(f"bold underline {styles[one.label]}", one.start, one.end)
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    console.print(text)
    for one in found:
        said = f"{plain[one.start : one.end]}  {one.start}–{one.end}  {one.score:.2f}"
        console.print(Text.assemble("  ", (one.label, styles[one.label]), f"  {said}"))


def _open(file: str) -> IO[bytes]:
    """Open the file before a model is loaded."""
    from encswap.errors import InputError

    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise InputError(f"cannot be read as text: {error.strerror}", where=file) from error


def _lines(source: IO[bytes], file: str) -> Iterator[str]:
    """Yield the lines that hold anything, as they come."""
    from encswap.errors import InputError, located

    with source:
        for number, raw in enumerate(source, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"cannot be read as text: {error}", where=located(file, number)
                ) from error
            if line.strip():
                yield line
