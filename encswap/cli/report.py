"""`encswap report`: what a run's scores say, on a page; several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from encswap.cli.choices import LANGUAGES, one_of
from encswap.cli.output import note, write, write_json
from encswap.cli.tables import paragraphs, table

if TYPE_CHECKING:
    from encswap.report.comparison import RunPair
    from encswap.report.run_results import Run
    from encswap.report.texts import Texts

HELP = """Show what a run's scores say; nothing is scored again and no model is loaded.

One run gives a page, report.html in its folder, or Markdown for a pull request. Several runs are
set side by side, with the differences that are real. With --without-texts nothing that is written
holds a document's text, a mention or a document's id, so it may leave the house.

Write the page of a run anew, in Korean:
  encswap report runs/first --lang ko

Report to a team that may not see the documents:
  encswap report runs/first --without-texts --out for-everybody.html

Put the scores into a pull request:
  encswap report runs/first --format markdown --out report.md

Work through the errors in a spreadsheet:
  encswap report runs/first --errors errors.csv

Compare runs, in the terminal and as a page:
  encswap report runs/first runs/second
  encswap report runs/first runs/second --out compared.html
"""
PAGE, REDACTED_PAGE = "report.html", "report-without-texts.html"


class ReportFormat(StrEnum):
    """How a report is written; a page of several runs goes into a file that is named."""

    html = "html"
    table = "table"
    markdown = "markdown"
    json = "json"


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("report", help=HELP)(report)


def report(
    runs: list[Path] = typer.Argument(..., metavar="RUN", help="Run folders."),
    lang: str = typer.Option(
        "en", "--lang", metavar=one_of(LANGUAGES), help="The language of the page."
    ),
    out: Path = typer.Option(None, "--out", "-o", help="File; default: report.html in the run."),
    figures: Path = typer.Option(None, "--figures", help="Also write the figures as SVG here."),
    format_: ReportFormat = typer.Option(
        None, "--format", "-f", help="Default: html for one run or --out FILE.html, else table."
    ),
    errors: Path = typer.Option(None, "--errors", help="Also write every error to this CSV file."),
    without_texts: bool = typer.Option(
        False, "--without-texts", help="Write no document's text, no mention and no document's id."
    ),
) -> None:
    """Run the command."""
    from encswap.errors import InputError
    from encswap.report.run_results import read_run
    from encswap.report.texts import Texts
    from encswap.train.run_files import is_seeds_folder

    texts = Texts.read(lang)
    if len(runs) == 1 and is_seeds_folder(runs[0]) and format_ in (None, ReportFormat.html):
        out = out or runs[0] / (REDACTED_PAGE if without_texts else PAGE)
    runs = [folder for given in runs for folder in run_folders(given)]
    if errors is not None and len(runs) > 1:
        raise InputError("the errors of several runs are no one file", hint="give one RUN")
    read = [read_run(folder) for folder in runs]
    if len(read) == 1:
        chosen = format_ or ReportFormat.html
        _write_one(runs[0], read[0], texts, out, chosen, without_texts)
    else:
        page = out is not None and out.suffix == ".html"
        chosen = format_ or (ReportFormat.html if page else ReportFormat.table)
        _write_several(read, texts, out, chosen, without_texts)
    if figures is not None:
        _write_figures(read, texts, figures)
    if errors is not None:
        _write_errors(read[0], texts, errors, without_texts)


def run_folders(folder: Path) -> list[Path]:
    """A run's folder itself; of a folder of `train --seeds` the runs that are done."""
    from encswap.errors import InputError
    from encswap.train.run_files import is_seeds_folder

    if not is_seeds_folder(folder):
        return [folder]
    from encswap.experiment.seeds import finished_runs

    runs = finished_runs(folder)
    if not runs:
        raise InputError(
            "no seed is done", where=folder, hint=f"encswap train --resume {folder} goes on"
        )
    return runs


def write_report(folder: Path, language: str = "en", out: Path | None = None) -> Path:
    """Write the page of a finished run and return where it lies."""
    from encswap.report.comparison import compare_runs
    from encswap.report.comparison_page import write_compared
    from encswap.report.page import write_page
    from encswap.report.run_results import read_run
    from encswap.report.texts import Texts

    runs = [read_run(one) for one in run_folders(folder)]
    if len(runs) > 1:
        page = write_compared(runs, compare_runs(runs), Texts.read(language))
        return _put(out or folder / PAGE, page)
    return _put(out or folder / PAGE, write_page(runs[0], Texts.read(language)))


def draw_report(folder: Path) -> None:
    """Write the page of a run that has just ended; a page that fails costs nobody the run."""
    from encswap.errors import EncswapError

    try:
        write_report(folder)
    except EncswapError as error:
        note(f"no report: {error}")


def _write_one(
    folder: Path, run: Run, texts: Texts, out: Path | None, kind: ReportFormat, redact: bool
) -> None:
    from encswap.report.markdown import write_markdown
    from encswap.report.page import write_page
    from encswap.report.redaction import without_texts

    if kind is ReportFormat.html:
        name = REDACTED_PAGE if redact else PAGE
        note(f"report: {_put(out or folder / name, write_page(run, texts, redact=redact))}")
        return
    run = without_texts(run, texts) if redact else run
    if kind is ReportFormat.json:
        _give(dict(run.metrics), out)
    else:
        _give(write_markdown(run, texts), out)


def _write_errors(run: Run, texts: Texts, path: Path, redact: bool) -> None:
    from encswap.report.error_groups import errors_csv
    from encswap.report.redaction import without_texts

    table = errors_csv(without_texts(run, texts) if redact else run)
    marked = "\ufeff" + table  # the mark tells Excel that it is UTF-8
    note(f"errors: {_put(path, marked)}")


def _write_several(
    runs: list[Run], texts: Texts, out: Path | None, kind: ReportFormat, redact: bool
) -> None:
    from encswap.errors import InputError
    from encswap.report.comparison import compare_runs
    from encswap.report.comparison_page import write_compared

    if kind is ReportFormat.html and out is None:
        raise InputError(
            "a page of several runs lies in no run's folder", hint="give --out FILE.html"
        )
    pairs: list[RunPair] = compare_runs(runs)
    if kind is ReportFormat.html and out is not None:
        note(f"report: {_put(out, write_compared(runs, pairs, texts, redact=redact))}")
    elif kind is ReportFormat.json:
        _give(as_data(runs, pairs), out)
    else:
        _give(as_text(runs, pairs, texts, markdown=kind is ReportFormat.markdown), out)


def _give(result: Any, out: Path | None) -> None:
    """Write the result to stdout, or into a file."""
    import json

    if out is not None:
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
        note(f"report: {_put(out, text)}")
    elif isinstance(result, str):
        write(result)
    else:
        write_json(result)


def _write_figures(runs: list[Run], texts: Texts, folder: Path) -> None:
    from encswap.report.comparison import name_apart
    from encswap.report.figures import draw_all

    for name, run in zip(name_apart(runs), runs, strict=True):
        home = folder if len(runs) == 1 else folder / name
        for file, drawing in draw_all(run, texts).items():
            _put(home / file, drawing)
    note(f"figures: {folder}")


def _put(path: Path, text: str) -> Path:
    """Write a file in one step; half of a character that a broken file held becomes a question."""
    from encswap import files
    from encswap.errors import InputError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, text, errors="replace")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=path) from error
    return path


def as_text(runs: Sequence[Run], pairs: Sequence[RunPair], texts: Texts, *, markdown: bool) -> str:
    """Draw the scores of the runs, and every difference with its interval."""
    from encswap.report.comparison import difference_rows, score_rows

    return "\n".join(
        [
            table(score_rows(runs, texts), markdown),
            table(difference_rows(pairs, texts), markdown),
            *paragraphs([texts("differences_note")], markdown),
        ]
    )


def as_data(runs: Sequence[Run], pairs: Sequence[RunPair]) -> dict[str, Any]:
    """The same as JSON."""
    from encswap.report.comparison import ALL, name_apart

    return {
        "runs": [
            {"name": name, "threshold": run.threshold, "test": run.metrics["test"]}
            for name, run in zip(name_apart(runs), runs, strict=True)
        ],
        "differences": [
            {
                "from": one.first,
                "to": one.second,
                "label": None if one.label == ALL else one.label,
                "f1": one.difference.f1,
                "interval": [one.difference.low, one.difference.high],
                "level": one.difference.level,
                "real": one.difference.real,
            }
            for one in pairs
        ],
    }
