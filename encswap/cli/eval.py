"""`encswap eval`: score a saved model on documents."""

from __future__ import annotations

from typing import Any

import typer

from encswap.cli.output import FORMAT_OPTION, OutputFormat, note, note_all, write, write_json

HELP = """Score a GLiNER2 model on labelled documents.

MODEL is a run folder, any GLiNER2 checkpoint, a registered base, a hub id, or mini. A model that
encswap wrote is asked with its own words, labels and threshold; any other with gliner2's words, the
documents' labels and threshold 0.5, unless --splitter, --label, --threshold or --dev say otherwise.
Labels that only one side has are named.

With --retention, it scores what the model could do before and still can, on a small shipped set
in Korean and English and on any file given with --retention-data: the base, the swapped model
before training, and this one.

  encswap eval runs/ko-deberta-… --data test.jsonl
  encswap eval runs/ko-deberta-… --retention
  encswap eval gliner2-multi --data test.jsonl --dev dev.jsonl --splitter kiwi
"""


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("eval", help=HELP)(evaluate)


def evaluate(
    model: str = typer.Argument(..., help="Run folder, checkpoint, registered base, hub id, mini."),
    data: str = typer.Option(None, "--data", "-d", help="Labelled documents."),
    threshold: float = typer.Option(None, "--threshold", help="Default: the model's own, or 0.5."),
    dev: str = typer.Option(None, "--dev", help="Documents on which the threshold is chosen."),
    splitter: str = typer.Option(None, "--splitter", help="Word splitter; default: the model's."),
    label: list[str] = typer.Option(
        [], "--label", "-l", help="Labels to ask for; default: the model's own."
    ),
    labels: str = typer.Option(None, "--labels", help="The same, with commas: Disease,Drug."),
    settings: list[str] = typer.Option(
        [], "--set", help="Override a setting of its recipe: --set max_length=256."
    ),
    source: str = typer.Option("auto", "--from", help="The data's format; default: recognised."),
    tag_column: str = typer.Option(None, "--tag-column", help="Column of the tags: name, number."),
    tag_label: str = typer.Option(None, "--tag-label", help="Label of tags that name none."),
    retention: bool = typer.Option(
        False, "--retention", help="Score what the base could do before and this model still can."
    ),
    retention_data: list[str] = typer.Option(
        [], "--retention-data", help="A further file for --retention; may be repeated."
    ),
    format_: OutputFormat = FORMAT_OPTION,
) -> None:
    """Run the command."""
    from encswap.cli.progress import Pace, quiet_libraries
    from encswap.cli.tables import retention_table, score_tables
    from encswap.data.formats.table import ReadOptions
    from encswap.data.notes import Notes
    from encswap.errors import InputError
    from encswap.gliner.schema import distinct_labels
    from encswap.recipe import parse_setting

    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InputError(f"{threshold} is no threshold", where="--threshold", hint="0 < it < 1")
    named = [one.strip() for one in (labels or "").split(",") if one.strip()]
    asked = distinct_labels([*label, *named], "--label")
    given = dict(parse_setting(one) for one in settings)
    retention = retention or bool(retention_data)
    if data is None and not retention:
        raise InputError("no documents", where="--data", hint="give --data FILE, or --retention")
    quiet_libraries()
    from encswap.evaluate.predict import score_saved
    from encswap.testing.mini.build import build_mini

    kept: dict[str, Any] = {}
    if retention:
        from encswap.evaluate.retention import retention_of
        from encswap.models import find_checkpoint
        from encswap.plugins import load_plugins

        kept = retention_of(find_checkpoint(model), load_plugins(), retention_data, say=note)
    if data is None:
        if format_ is OutputFormat.json:
            write_json(kept)
        else:
            write(retention_table(kept["retention"], markdown=format_ is OutputFormat.markdown))
        return
    notes = Notes()
    metrics = kept | score_saved(
        model,
        data,
        threshold,
        asked,
        dev=dev,
        splitter=splitter,
        settings=given,
        options=ReadOptions(source, tag_column, tag_label),
        notes=notes,
        say=note,
        progress=Pace().windows,
        build_mini=build_mini,
    )
    note_all(notes, data)
    if format_ is OutputFormat.json:
        write_json(metrics)
    else:
        write(score_tables(metrics, markdown=format_ is OutputFormat.markdown))
        for remark in metrics["remarks"]:
            note(f"note: {remark}")
