"""`encswap eval`: score a saved model on documents."""

from __future__ import annotations

from pathlib import Path

import typer

from encswap.cli.output import FORMAT_OPTION, OutputFormat, note, note_all, write, write_json

HELP = """Score a model that encswap wrote on labelled documents.

The threshold is the one chosen in training, unless another is given. The labels are those of
training, else those of the documents; labels that only one side has are told.

  encswap eval runs/ko-deberta-… --data test.jsonl
"""


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("eval", help=HELP)(evaluate)


def evaluate(
    model: Path = typer.Argument(..., help="A run folder, or a checkpoint with encswap.json."),
    data: str = typer.Option(..., "--data", "-d", help="Labelled documents."),
    threshold: float = typer.Option(None, "--threshold", help="Default: the model's own."),
    label: list[str] = typer.Option(
        [], "--label", "-l", help="Labels to ask for; default: the model's own."
    ),
    source: str = typer.Option("auto", "--from", help="The data's format; default: recognised."),
    tag_column: str = typer.Option(None, "--tag-column", help="Column of the tags: name, number."),
    tag_label: str = typer.Option(None, "--tag-label", help="Label of tags that name none."),
    format_: OutputFormat = FORMAT_OPTION,
) -> None:
    """Run the command."""
    from encswap.cli.progress import Pace, quiet_libraries
    from encswap.cli.tables import score_tables
    from encswap.data.formats.table import ReadOptions
    from encswap.data.notes import Notes
    from encswap.errors import InputError
    from encswap.gliner.schema import distinct_labels

    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InputError(f"{threshold} is no threshold", where="--threshold", hint="0 < it < 1")
    labels = distinct_labels(label, "--label")
    quiet_libraries()
    from encswap.evaluate.predict import score_saved

    notes = Notes()
    metrics = score_saved(
        model,
        data,
        threshold,
        labels,
        options=ReadOptions(source, tag_column, tag_label),
        notes=notes,
        say=note,
        progress=Pace().windows,
    )
    note_all(notes, data)
    if format_ is OutputFormat.json:
        write_json(metrics)
    else:
        write(score_tables(metrics, markdown=format_ is OutputFormat.markdown))
        for remark in metrics["remarks"]:
            note(f"note: {remark}")
