"""`encswap predict`: find entities in text with a model that encswap wrote."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import typer

from encswap.cli.output import console, is_terminal, new_text_file, note, note_all
from encswap.escaping import json_text, printable

if TYPE_CHECKING:
    from encswap.data.documents import Document
    from encswap.data.notes import Notes
    from encswap.types import Prediction

HELP = """Find entities in text: coloured on a terminal, else one JSON line per document.

Offsets are in characters. Documents may be of any length; they are read and answered in portions,
so that a file of any size or an endless stdin will do. A file is what the other commands read,
JSON records with "text" or "input", labelled or not, or plain text, one document a line.

  encswap predict runs/ko-deberta-… --text "Treated with insulin for diabetes."

  encswap predict runs/ko-deberta-… notes.jsonl --out found.jsonl

  cat notes.txt | encswap predict runs/ko-deberta-…
"""
COLORS = ("cyan", "yellow", "green", "magenta", "red", "blue")


class PredictionFormat(StrEnum):
    """How predictions are written; `json` and `jsonl` are the same: a record on each line."""

    auto = "auto"
    text = "text"
    json = "json"
    jsonl = "jsonl"


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("predict", help=HELP)(predict)


def predict(
    model: str = typer.Argument(..., help="A run folder, a checkpoint, or its hub id."),
    file: str = typer.Argument(
        None, help="Documents: records, or text, one a line; - or nothing for stdin."
    ),
    text: str = typer.Option(None, "--text", "-t", help="One document."),
    label: list[str] = typer.Option([], "--label", "-l", help="Labels; default: the model's own."),
    threshold: float = typer.Option(None, "--threshold", help="Default: the model's own."),
    format_: PredictionFormat = typer.Option(
        PredictionFormat.auto, "--format", "-f", help="auto: text on a terminal."
    ),
    out: Path = typer.Option(None, "--out", "-o", help="Write to this new file, once whole."),
    source: str = typer.Option(
        "auto", "--from", help="The file's format, or text; default: recognised."
    ),
    at_once: int = typer.Option(64, "--batch", min=1, help="Documents that are read at once."),
    flat: bool = typer.Option(False, "--flat", help="One label a span: the best score stays."),
) -> None:
    """Run the command."""
    from encswap.cli.progress import quiet_libraries
    from encswap.data.notes import Notes
    from encswap.errors import InputError
    from encswap.gliner.decoding import flatten
    from encswap.gliner.markers import refuse_markers
    from encswap.gliner.schema import distinct_labels

    refuse_markers(label, where="--label")
    if text is not None and file is not None:
        raise InputError("give either --text or a file", hint="a file may be - for stdin")
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InputError(f"{threshold} is no threshold", where="--threshold", hint="0 < it < 1")
    labels = distinct_labels(label, "--label")
    notes = Notes()
    documents = _documents(text, file, source, notes)
    with new_text_file(out) as target:
        quiet_libraries()
        coloured = format_ is PredictionFormat.text or (
            format_ is PredictionFormat.auto and out is None and is_terminal()
        )
        for document, answer in _answered(model, documents, labels, threshold, at_once):
            found = flatten(answer) if flat else answer
            if coloured:
                show(document.text, found, target)
            else:
                target.write(json_text(as_record(document.text, found, document.id)) + "\n")
            target.flush()
    note_all(notes, file or "stdin")


def as_record(document: str, found: Sequence[Prediction], id_: Any) -> dict[str, object]:
    """A document with its id and its entities, as JSON holds them."""
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
    return {"id": id_, "text": document, "entities": entities}


def show(document: str, found: Sequence[Prediction], target: IO[str] | None = None) -> None:
    """Draw a document with its entities in colour, and a line for each of them below."""
    from rich.text import Text

    # One sign for one: control characters would move the cursor, and the offsets must stay.
    plain = "".join(
        char if char in "\n " or printable(char) == char else "\ufffd" for char in document
    )
    labels = list(dict.fromkeys(one.label for one in found))
    styles = {label: COLORS[place % len(COLORS)] for place, label in enumerate(sorted(labels))}
    text = Text(plain)
    for one in found:
        text.stylize(f"bold underline {styles[one.label]}", one.start, one.end)
    screen = console(soft_wrap=True, to=target)
    screen.print(text)
    for one in found:
        mention = f"{plain[one.start : one.end]}  {one.start}–{one.end}  {one.score:.2f}"
        label = (printable(one.label), styles[one.label])
        screen.print(Text.assemble("  ", label, f"  {printable(mention)}"))


def _documents(text: str | None, file: str | None, form: str, notes: Notes) -> Iterator[Document]:
    """Open what is to be read before a model is loaded."""
    from encswap.data.documents import Document, open_documents
    from encswap.data.formats.table import ReadOptions
    from encswap.data.input import find_data
    from encswap.errors import InputError

    if text is not None:
        return iter([Document("text:1", text)])
    if file is None and sys.stdin.isatty():
        raise InputError("no documents", hint="give --text, a file, or pipe documents into it")
    return open_documents(find_data(file or "-"), ReadOptions(format=form), notes)


def _answered(
    model: str,
    documents: Iterator[Document],
    labels: Sequence[str],
    threshold: float | None,
    at_once: int,
) -> Iterator[tuple[Document, list[Prediction]]]:
    """Yield each document with what was found in it, and say how far it is from time to time."""
    from encswap.cli.progress import Pace
    from encswap.evaluate.predict import predict_saved

    waiting: deque[Document] = deque()

    def texts() -> Iterator[str]:
        for document in documents:
            waiting.append(document)
            yield document.text

    pace = Pace()
    for _, found in predict_saved(
        model,
        texts(),
        labels,
        threshold,
        at_once=at_once,
        say=note,
        progress=pace.windows,
    ):
        yield waiting.popleft(), found
        pace.document()
