"""`encswap predict`: find entities in text with a model that encswap wrote."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from encswap.cli.output import write

HELP = """Find entities in text; one JSON line per document, offsets in characters.

  encswap predict runs/ko-deberta-… --text "Treated with insulin for diabetes."

  encswap predict runs/ko-deberta-… notes.txt        (one document a line; - for stdin)
"""


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("predict", help=HELP)(predict)


def predict(
    model: Path = typer.Argument(..., help="A run folder, or a checkpoint with encswap.json."),
    file: str = typer.Argument(None, help="A text file, one document a line; - for stdin."),
    text: str = typer.Option(None, "--text", "-t", help="One document."),
    label: list[str] = typer.Option([], "--label", "-l", help="Labels; default: the model's own."),
    threshold: float = typer.Option(None, "--threshold", help="Default: the model's own."),
) -> None:
    """Run the command."""
    from encswap.cli.progress import quiet_libraries
    from encswap.errors import InputError

    if (text is None) == (file is None):
        raise InputError("give either --text or a file", hint="a file may be - for stdin")
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InputError(f"{threshold} is no threshold", where="--threshold", hint="0 < it < 1")
    documents = [text] if text is not None else list(_lines(file))
    quiet_libraries()
    from encswap.train.scoring import predict_saved

    for document, found in zip(
        documents, predict_saved(model, documents, tuple(label), threshold), strict=True
    ):
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
        write(json.dumps({"text": document, "entities": entities}, ensure_ascii=False))


def _lines(file: str) -> Iterator[str]:
    from encswap.errors import InputError

    try:
        content = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as text: {error}", where=file) from error
    yield from (line for line in content.splitlines() if line.strip())
