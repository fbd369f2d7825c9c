"""`encswap swap`: put an encoder into a GLiNER2 base, prove it and save it, without training."""

from __future__ import annotations

from pathlib import Path

import typer

from encswap.cli.choices import ALIGNMENTS, SCALES, one_of
from encswap.cli.output import FORMAT_OPTION, OutputFormat, write, write_json
from encswap.escaping import printable

HELP = """Put an encoder into a GLiNER2 base, keep the heads, prove it and save it, untrained.

The checkpoint loads in plain gliner2; `encswap.load(folder)` also puts its splitter in place.

Put a registered encoder into the plan's base:
  encswap swap --encoder ko-deberta --out swapped

Try an encoder from a folder, with the small base:
  encswap swap --encoder ./my-encoder --base mini --out swapped

Bring an encoder's word vectors to the base's first:
  encswap swap --encoder koelectra --alignment ridge --data train.jsonl --out aligned
"""


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("swap", help=HELP)(swap)


def swap(
    encoder: str = typer.Option(..., "--encoder", "-e", help="Registered name, hub id or folder."),
    out: Path = typer.Option(..., "--out", "-o", help="Where the checkpoint goes; must be new."),
    base: str = typer.Option(None, "--base", help="GLiNER2 base: name, hub id, folder or mini."),
    embeddings: str = typer.Option(
        None,
        "--embeddings",
        help="How rows start: transplant, describe, mean, random, overlap, or a plugin's.",
    ),
    alignment: str = typer.Option(
        None,
        "--alignment",
        metavar=one_of(ALIGNMENTS),
        help="Bring the encoder's word vectors to the base's on --data.",
    ),
    data: str = typer.Option(None, "--data", help="Documents whose texts alignment looks at."),
    splitter: str = typer.Option(None, "--splitter", help="Word splitter; default: the encoder's."),
    user_dictionary: Path = typer.Option(
        None, "--user-dictionary", help="Words that the splitter keeps whole, in its own format."
    ),
    max_width: int = typer.Option(
        None, "--max-width", help="Widest span in units; default: base's."
    ),
    seed: int = typer.Option(None, "--seed", help="Seed of drawn rows."),
    scale: str = typer.Option(
        "full", "--scale", metavar=one_of(SCALES), help="mini: small models, no download."
    ),
    allow_pickle: bool = typer.Option(False, "--allow-pickle", help="Accept pickle weights."),
    format_: OutputFormat = FORMAT_OPTION,
) -> None:
    """Run the command."""
    from encswap.cli.progress import watching
    from encswap.cli.train import resolve_recipe, splitter_options
    from encswap.data.input import find_data
    from encswap.data.readers import read_examples
    from encswap.errors import InputError
    from encswap.models import find_models
    from encswap.plugins import load_plugins
    from encswap.testing.mini.build import build_mini
    from encswap.train.run_folder import refuse_full

    overrides = {
        "encoder": encoder,
        "base": base,
        "embeddings": embeddings,
        "alignment": alignment,
        "splitter": splitter,
        "splitter_options": splitter_options(user_dictionary),
        "max_width": max_width,
        "seed": seed,
    }
    recipe = resolve_recipe(overrides, [], None, scale)
    if recipe.alignment != "none" and data is None:
        raise InputError("alignment needs texts", where="--alignment", hint="give --data FILE")
    examples = read_examples(find_data(data)) if data is not None else []
    plugins = load_plugins()
    refuse_full(out)
    with watching() as watcher:
        from encswap.train.run import write_swap

        models = find_models(
            plugins,
            watcher,
            base=recipe.base,
            encoder=encoder,
            scale=scale,  # type: ignore[arg-type]
            allow_pickle=allow_pickle,
            build_mini=build_mini,
        )
        watcher.stage("swap and prove")
        manifest = write_swap(
            recipe,
            plugins,
            models.spec,
            base_source=models.base,
            encoder_source=models.encoder,
            out=out,
            examples=examples,
            watcher=watcher,
        )
    made = ", ".join(f"{count} {how}" for how, count in manifest.origins.items())
    if format_ is OutputFormat.json:
        from dataclasses import asdict

        write_json({**asdict(manifest), "checkpoint": str(out)})
    else:
        write(
            f"{printable(manifest.encoder.name)} stands in {printable(manifest.base.name)}; "
            f"heads equal bit for bit, reload by plain gliner2 equal.\n"
            f"Embedding rows: {printable(made)}. Splitter {printable(manifest.splitter.name)}, "
            f"max_width {manifest.max_width}."
        )
        for remark in manifest.remarks:
            write(f"Then {printable(remark)}.")
        write(f"Checkpoint: {printable(out)}")
