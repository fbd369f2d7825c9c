"""`encswap demo`: the whole way at mini scale: check, swap, train, score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from encswap.cli.output import note, write

HELP = """Walk the whole way at mini scale, without a download: check, swap, train, score.

It draws the comparison of the registered encoders from recorded facts, trains a small GLiNER2 base
on the English set (once, kept in the cache), swaps a small encoder of the recommended kind in,
trains it on the Korean set and scores the test documents.

Small models of the real classes, the real code and the real data: the numbers are this run's own.
They say how the program works, not how the full-size encoder will score.
"""


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("demo", help=HELP)(demo)


def demo(
    encoder: str = typer.Option(None, "--encoder", "-e", help="Default: the recommended one."),
    out: Path = typer.Option(None, "--out", "-o", help="Run folder; default: runs/ENCODER-TIME."),
    settings: list[str] = typer.Option([], "--set", help="Override a setting: --set epochs=3."),
) -> None:
    """Run the command."""
    import time

    from encswap.cli.check import compare_facts
    from encswap.cli.tables import score_tables
    from encswap.cli.train import resolve_recipe, train_run
    from encswap.errors import EncswapError

    began = time.monotonic()
    table, recommended = compare_facts()
    write(table)
    chosen = encoder or recommended
    if chosen is None:
        raise EncswapError("no encoder is recommended", hint="name one with --encoder")
    recipe = resolve_recipe({"encoder": chosen}, settings, None, "mini")
    metrics, folder = train_run(recipe, out)
    write(f"\n{chosen} at mini scale, scored on {recipe.test}\n")
    write(score_tables(metrics, markdown=False))
    note(closing(metrics, chosen, folder, time.monotonic() - began))


def closing(metrics: dict[str, Any], encoder: str, folder: Path, seconds: float) -> str:
    """Say what the demonstration was, and where its results are."""
    from encswap.cli.report import PAGE

    throughput = metrics["throughput"]["examples_per_second"]
    return (
        f"This was a demonstration with small untrained encoders of the real classes: "
        f"{len(metrics['epochs'])} epochs at {throughput:.0f} documents a second, "
        f"{seconds:.0f} s in all.\n"
        f"Run folder: {folder}\n"
        f"Its page, with scores, errors and documents: {folder / PAGE}\n"
        f"With network, the same at full size: encswap train --encoder {encoder} "
        f"--train train.jsonl --test test.jsonl"
    )
