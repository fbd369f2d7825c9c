"""`encswap trim`: a smaller vocabulary for an encoder or a GLiNER2 checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from encswap.cli.choices import SCALES, one_of
from encswap.cli.output import FORMAT_OPTION, OutputFormat, write, write_json

HELP = """Drop the embedding rows of pieces that some texts never use.

MODEL is an encoder (name, hub id, folder), a GLiNER2 checkpoint or a run folder. The texts are
documents in any known format, or plain text. Each text is cut into the same pieces as before, and
outputs are compared before anything is kept. What comes out loads in plain transformers or gliner2.

Make an encoder smaller, and train with it:
  encswap trim ./my-encoder --texts train.jsonl --texts test.jsonl --out trimmed
  encswap train --encoder ./trimmed --train train.jsonl --test test.jsonl
"""


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("trim", help=HELP)(trim)


def trim(
    model: str = typer.Argument(
        ..., metavar="MODEL", help="Encoder, GLiNER2 checkpoint or run folder."
    ),
    texts: list[str] = typer.Option(
        ..., "--texts", "-t", help="Documents or plain text, or a shipped set; repeatable."
    ),
    out: Path = typer.Option(..., "--out", "-o", help="Where the model goes; must be new."),
    keep_characters: bool = typer.Option(
        True,
        "--keep-characters/--drop-characters",
        help="Keep pieces of one character, for words that the texts do not hold.",
    ),
    splitter: str = typer.Option(None, "--splitter", help="Word splitter; default: the model's."),
    scale: str = typer.Option(
        "full", "--scale", metavar=one_of(SCALES), help="mini: small models, no download."
    ),
    allow_pickle: bool = typer.Option(False, "--allow-pickle", help="Accept pickle weights."),
    format_: OutputFormat = FORMAT_OPTION,
) -> None:
    """Run the command."""
    from encswap.cli.progress import watching
    from encswap.plugins import load_plugins
    from encswap.train.run_folder import refuse_full

    plugins = load_plugins()
    refuse_full(out)
    with watching() as watcher:
        from encswap.models import MINI_BASE, resolve, spec_of
        from encswap.swap.trim import is_checkpoint, trim_saved_checkpoint, trim_saved_encoder
        from encswap.testing.mini.build import build_mini

        options = {"splitter": splitter, "keep_characters": keep_characters}
        folder = Path(model).expanduser()
        if model == MINI_BASE:
            build_mini(plugins, watcher)
        elif not folder.is_dir() and scale == "mini":
            build_mini(plugins, watcher, spec_of(model, plugins))
        if not is_checkpoint(folder):
            source = resolve(model, plugins, scale=scale, allow_pickle=allow_pickle)  # type: ignore[arg-type]
            folder = source.path
        watcher.stage("trim and prove")
        if is_checkpoint(folder):
            outcome = trim_saved_checkpoint(folder, plugins, texts, out, **options)  # type: ignore[arg-type]
        else:
            spec = spec_of(model, plugins)
            outcome = trim_saved_encoder(spec, source, plugins, texts, out, **options)  # type: ignore[arg-type]
    if format_ is OutputFormat.json:
        write_json({**asdict(outcome), "folder": str(out)})
        return
    (rows, left), (size, small) = outcome.rows, outcome.bytes
    write(
        f"Embedding rows: {rows:,} before, {left:,} after ({left / rows:.1%}); "
        f"{size:,} bytes before, {small:,} after.\n"
        f"All {outcome.texts:,} texts are cut as before; outputs of {outcome.compared} compared, "
        f"largest difference {outcome.difference:.1e}.\n{outcome.kind.capitalize()}: {out}"
    )
