"""`encswap export`: a trained model as a folder that runs without torch."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from encswap.cli.choices import FORMATS_HELP
from encswap.cli.output import FORMAT_OPTION, OutputFormat, write, write_json

if TYPE_CHECKING:
    from encswap.export.folder import ExportOutcome

HELP = """Write a run or a checkpoint as ONNX, with all that finding entities needs.

The folder holds the graph, the tokenizer, the word splitter's description, threshold, labels and
checksums. `encswap.runtime` runs it with numpy, onnxruntime and tokenizers, without torch. The
export is compared with the model in torch first; nothing is written where they differ.

Run a model without torch:
  encswap export runs/first --to onnx --out model-onnx --data test.jsonl

Make an export smaller and faster, at a cost in F1 that is measured:
  encswap export runs/first --to onnx --out model-int8 --int8 --data test.jsonl
"""


class ExportKind(StrEnum):
    """What a model is exported to."""

    onnx = "onnx"


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("export", help=HELP)(export)


def export(
    run: str = typer.Argument(
        ..., metavar="RUN", help="A run folder, a checkpoint with encswap.json, or its hub id."
    ),
    to: ExportKind = typer.Option(ExportKind.onnx, "--to", help="The kind of export."),
    out: Path = typer.Option(..., "--out", "-o", help="Where the export goes; must be new."),
    int8: bool = typer.Option(False, "--int8", help="Matrices in int8: smaller and faster."),
    max_loss: float = typer.Option(
        0.01, "--max-loss", min=0.0, max=1.0, help="F1 that int8 may cost; else exit 1."
    ),
    data: str = typer.Option(
        None, "--data", help="Documents to prove it on, with gold for F1; default: the run's test."
    ),
    label: list[str] = typer.Option([], "--label", "-l", help="Labels; default: the model's own."),
    source: str = typer.Option(
        "auto", "--from", help=f"The file's format; auto: recognised. {FORMATS_HELP}"
    ),
    format_: OutputFormat = FORMAT_OPTION,
) -> None:
    """Run the command."""
    from encswap.cli.progress import quiet_libraries, watching
    from encswap.data.formats.table import ReadOptions
    from encswap.gliner.markers import refuse_markers
    from encswap.gliner.schema import distinct_labels
    from encswap.train.run_folder import refuse_full

    del to  # there is one
    refuse_full(out)
    refuse_markers(label, where="--label")
    labels = distinct_labels(label, "--label")
    from encswap.export.folder import ExportOptions, export_run
    from encswap.models import find_checkpoint, is_hub_id
    from encswap.plugins import load_plugins

    quiet_libraries()
    folder = find_checkpoint(run)
    options = ExportOptions(
        int8=int8,
        max_loss=max_loss,
        data=data,
        labels=labels,
        read=ReadOptions(format=source),
        own_test=not is_hub_id(run),
    )
    with watching() as watcher:
        outcome = export_run(folder, out, load_plugins(), watcher, options)
    if format_ is OutputFormat.json:
        write_json(outcome.to_dict())
    else:
        write("\n".join(_lines(outcome)))


def _lines(outcome: ExportOutcome) -> list[str]:
    """The outcome in a few sentences."""
    found, total = outcome.agreement, sum(outcome.bytes.values())
    lines = [
        f"Logits of {found.windows:,} windows compared, largest difference {found.logits:.1e}; "
        f"{found.spans:,} spans in {found.documents:,} documents, {found.differing} differ."
    ]
    if outcome.loss:
        lines.append(_f1("float32", outcome.loss))
    if outcome.int8:
        lines.append(_f1("int8", outcome.int8))
    lines += [f"Compared on {outcome.proven_on}.", f"{total:,} bytes in {outcome.folder}"]
    return lines


def _f1(name: str, loss: Any) -> str:
    low, high = loss.after["interval"]
    return (
        f"F1 in torch {loss.before['f1']:.4f}, as {name} {loss.after['f1']:.4f} [{low:.4f}, "
        f"{high:.4f}]; difference {loss.difference:+.4f} [{loss.low:+.4f}, {loss.high:+.4f}]."
    )
