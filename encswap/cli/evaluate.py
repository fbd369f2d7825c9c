"""`encswap eval`: score a saved model on documents."""

from __future__ import annotations

from pathlib import Path

import typer

from encswap.cli.output import FORMAT_OPTION, Format, note, write, write_json

HELP = """Score a model that encswap wrote on labelled documents.

The threshold is the one chosen in training, unless another is given.

  encswap eval runs/ko-deberta-… --data test.jsonl
"""


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("eval", help=HELP)(evaluate)


def evaluate(
    model: Path = typer.Argument(..., help="A run folder, or a checkpoint with encswap.json."),
    data: str = typer.Option(..., "--data", "-d", help="Labelled documents."),
    threshold: float = typer.Option(None, "--threshold", help="Default: the model's own."),
    format_: Format = FORMAT_OPTION,
) -> None:
    """Run the command."""
    from encswap.cli.progress import quiet_libraries
    from encswap.cli.scores import score_tables
    from encswap.errors import InputError

    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InputError(f"{threshold} is no threshold", where="--threshold", hint="0 < it < 1")
    quiet_libraries()
    from encswap.train.scoring import score_saved

    metrics = score_saved(model, data, threshold)
    if format_ is Format.json:
        write_json(metrics)
    else:
        write(score_tables(metrics, markdown=format_ is Format.markdown))
        for remark in metrics["remarks"]:
            note(f"note: {remark}")
