"""`encswap predict`: find entities in text with a model that encswap wrote."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import typer

from encswap.cli.choices import FORMATS_HELP
from encswap.cli.output import console, is_terminal, new_text_file, note, note_all
from encswap.escaping import printable

if TYPE_CHECKING:
    from encswap.data.documents import Document
    from encswap.data.notes import Notes
    from encswap.data.predicted import PredictionForm
    from encswap.types import Prediction

HELP = """Find entities in text: coloured on a terminal, else one JSON line per document.

Offsets are in characters. Documents may be of any length; they are read and answered in portions,
so that a file of any size or an endless stdin will do. A file is what the other commands read,
JSON records with "text" or "input", labelled or not, or plain text, one document a line; a folder
holds a document in each .txt. With --out, what was cut off is gone on with by the same command.

Find entities in one sentence:
  encswap predict runs/first --text "Treated with insulin for diabetes."

Find entities in a file:
  encswap predict runs/first notes.jsonl --out found.jsonl

Find entities in a pipe:
  cat notes.txt | encswap predict runs/first

Prepare a folder of texts for annotators:
  encswap predict runs/first notes/ --format label-studio --out tasks.json
"""
COLORS = ("cyan", "yellow", "green", "magenta", "red", "blue")


class PredictionFormat(StrEnum):
    """How predictions are written; `json` and `jsonl` are the same: a record on each line.

    The others are what the commands of `data` and tools for annotators read.
    """

    auto = "auto"
    text = "text"
    json = "json"
    jsonl = "jsonl"
    spans = "spans"
    doccano = "doccano"
    label_studio = "label-studio"


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("predict", help=HELP)(predict)


def predict(
    model: str = typer.Argument(
        ..., metavar="MODEL", help="A run folder, a checkpoint, its hub id, or an export."
    ),
    file: str = typer.Argument(
        None,
        metavar="FILE",
        help="Documents: records, or text, one a line; a folder of .txt; - or nothing for stdin.",
    ),
    text: str = typer.Option(None, "--text", "-t", help="One document."),
    label: list[str] = typer.Option([], "--label", "-l", help="Labels; default: the model's own."),
    threshold: float = typer.Option(None, "--threshold", help="Default: the model's own."),
    format_: PredictionFormat = typer.Option(
        PredictionFormat.auto,
        "--format",
        "-f",
        metavar="FORM",
        help=f"One of: {', '.join(PredictionFormat)}; auto: text on a terminal.",
    ),
    out: Path = typer.Option(None, "--out", "-o", help="Write to this new file, once whole."),
    source: str = typer.Option(
        "auto", "--from", help=f"The file's format, or text; auto: recognised. {FORMATS_HELP}"
    ),
    at_once: int = typer.Option(64, "--batch", min=1, help="Documents that are read at once."),
    flat: bool = typer.Option(False, "--flat", help="One label a span: the best score stays."),
) -> None:
    """Run the command."""
    from encswap.cli.progress import quiet_libraries
    from encswap.data.notes import Notes
    from encswap.data.predicted import FORMS
    from encswap.errors import InputError
    from encswap.gliner.markers import refuse_markers
    from encswap.gliner.schema import distinct_labels

    refuse_markers(label, where="--label")
    if text is not None and file is not None:
        raise InputError("give either --text or a file", hint="a file may be - for stdin")
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InputError(f"{threshold} is no threshold", where="--threshold", hint="0 < it < 1")
    labels = distinct_labels(label, "--label")
    notes = Notes()
    quiet_libraries()
    read = partial(_documents, text, file, source, notes)
    drawn = format_ is PredictionFormat.text or (
        format_ is PredictionFormat.auto and out is None and is_terminal()
    )
    asked = Answering(model, labels, threshold, at_once, flat)
    if drawn:
        with new_text_file(out) as target:
            for document, found in asked.answers(read()):
                show(document.text, found, target)
                target.flush()
    else:
        form = FORMS["json" if format_ is PredictionFormat.auto else format_.value]
        about = {} if out is None else _about(asked, format_.value, file, source)
        if about and out is not None:
            _go_on(asked, read, form, out, about)
        else:
            with new_text_file(out) as target:
                _write(asked.answers(read()), form, target.write, target.flush)
    note_all(notes, file or "stdin")


def _write(
    answers: Iterable[tuple[Document, list[Prediction]]],
    form: PredictionForm,
    write: Callable[[str], object],
    flush: Callable[[], object],
    done: int = 0,
) -> None:
    """Write documents as they are answered; `done` of them are there already."""
    if not done:
        for line in form.head():
            write(line)
    for number, (document, found) in enumerate(answers, start=done):
        write(form.line(document.text, found, document.id, first=not number))
        flush()
    for line in form.tail():
        write(line)


def _go_on(
    asked: Answering,
    read: Callable[[], Iterator[Document]],
    form: PredictionForm,
    out: Path,
    about: Mapping[str, Any],
) -> None:
    """Write a file, or go on with it: at a whole portion, so that the batches are the same."""
    from itertools import islice

    from encswap import files
    from encswap.errors import InputError

    def keep(lines: int) -> int:
        whole = max(0, lines - form.head_lines) // asked.at_once * asked.at_once
        return whole + form.head_lines if whole else 0

    try:
        with files.continued_file(out, about, keep) as (file, lines):
            done, documents = max(0, lines - form.head_lines), read()
            if done:
                note(f"{out}: {done:,} documents were answered before, going on behind them")
                skipped = sum(1 for _ in islice(documents, done))
                if skipped < done:
                    raise InputError(f"holds {skipped} documents, {done} were answered", where=out)
            _write(
                asked.answers(documents),
                form,
                lambda line: file.write(line.encode("utf-8")),
                file.flush,
                done,
            )
    except FileExistsError as error:
        raise InputError("exists; nothing is overwritten", where=out) from error
    except OSError as error:
        if not files.why_unwritable(error) and not isinstance(error, FileNotFoundError):
            raise
        raise InputError(f"cannot be written: {error.strerror}", where=out) from error


def _about(asked: Answering, form: str, file: str | None, source: str) -> dict[str, Any]:
    """What an output file is made of; empty where the input cannot be read again."""
    from encswap import __version__
    from encswap.data.input import find_data
    from encswap.files import checksum

    path = Path(str(find_data(file))) if file is not None and file != "-" else None
    if path is None or not path.exists() or not (path.is_file() or path.is_dir()):
        return {}
    inside = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    return {
        "input": {one.relative_to(path.parent).as_posix(): checksum(one) for one in inside},
        "model": _model_files(asked.model),
        "labels": list(asked.labels),
        "threshold": asked.threshold,
        "--flat": asked.flat,
        "--format": form,
        "--from": source,
        "--batch": asked.at_once,
        "version of encswap": __version__,
    }


def _model_files(model: str) -> dict[str, str]:
    """The checksums of what a model is made of."""
    from encswap.files import checksum
    from encswap.models import find_checkpoint

    folder = find_checkpoint(model)
    places = [folder, folder / "checkpoint"]
    names = ("encswap.json", "export.json", "model.safetensors", "model.onnx")
    return {
        f"{place.name}/{name}": checksum(place / name)
        for place in places
        for name in names
        if (place / name).is_file()
    }


def as_record(document: str, found: Sequence[Prediction], id_: Any) -> dict[str, object]:
    """A document with its id and its entities, as JSON holds them."""
    from encswap.data.predicted import as_entities

    return as_entities(document, found, id_)


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


@dataclass(frozen=True)
class Answering:
    """A model and what is asked of it; documents are answered `at_once` at a time."""

    model: str
    labels: Sequence[str]
    threshold: float | None
    at_once: int
    flat: bool = False

    def answers(self, documents: Iterator[Document]) -> Iterator[tuple[Document, list[Prediction]]]:
        """Yield each document with what was found in it, and say how far it is now and then."""
        from encswap.cli.progress import Pace
        from encswap.gliner.decoding import flatten

        waiting: deque[Document] = deque()

        def texts() -> Iterator[str]:
            for document in documents:
                waiting.append(document)
                yield document.text

        pace = Pace()
        for _, found in self._found(texts(), pace.windows):
            yield waiting.popleft(), flatten(found) if self.flat else found
            pace.document()

    def _found(
        self, texts: Iterator[str], progress: Callable[[int], None]
    ) -> Iterator[tuple[str, list[Prediction]]]:
        from encswap.runtime.description import is_export

        if is_export(Path(self.model)):
            yield from self._by_export(texts, progress)
            return
        from encswap.evaluate.predict import predict_saved

        yield from predict_saved(
            self.model,
            texts,
            self.labels,
            self.threshold,
            at_once=self.at_once,
            say=note,
            progress=progress,
        )

    def _by_export(
        self, texts: Iterator[str], progress: Callable[[int], None]
    ) -> Iterator[tuple[str, list[Prediction]]]:
        from itertools import islice

        from encswap.runtime.runner import load

        runner = load(self.model)
        while some := list(islice(texts, self.at_once)):
            found = runner.predict(some, self.labels or None, threshold=self.threshold)
            progress(len(some))
            yield from zip(some, found, strict=True)
