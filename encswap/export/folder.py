"""An export folder: written beside its place, proven, and only then moved there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from encswap import __version__
from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.errors import InputError, SourceError, SwapError
from encswap.evaluate.predict import Saved, read_as, recorded, what_to_ask
from encswap.export.onnx_graph import require_onnx, write_graph, write_int8
from encswap.export.proof import Agreement, Loss, Reference
from encswap.files import (
    checksum,
    new_folder,
    one_line,
    scratch,
    write_bytes,
    write_json,
    write_text,
)
from encswap.gliner.batches import position_limit
from encswap.gliner.graph import EntityGraph
from encswap.gliner.model import max_width_of, overlap_policy
from encswap.gliner.processor import special_pieces, stand_in
from encswap.manifest import versions_of
from encswap.plugins import DEFAULT_PLUGINS
from encswap.runtime.description import (
    EXPORT,
    FORMAT,
    GRAPH,
    TOKENIZER,
    Description,
    ExportedSplitter,
)
from encswap.runtime.runner import Runner, open_session
from encswap.swap.checkpoint import checkpoint_folder

if TYPE_CHECKING:
    from encswap.data.formats.table import ReadOptions
    from encswap.plugins import Plugins
    from encswap.types import Example, Watcher

PACKAGES = ("torch", "transformers", "gliner2", "tokenizers", "onnx", "onnxscript", "onnxruntime")
SAMPLE = ("ko-medical/test.jsonl", "en-medical/test.jsonl")
"""Shipped documents that an export is proven on where the run's own test file is gone."""


@dataclass(frozen=True)
class ExportOptions:
    """What to export: int8 weights, the F1 that they may cost, and documents to prove it on."""

    int8: bool = False
    max_loss: float = 0.01
    data: str | None = None
    labels: tuple[str, ...] = ()
    read: ReadOptions | None = None


@dataclass(frozen=True)
class ExportOutcome:
    """What the proof found and what was written.

    `loss` compares the float graph with torch and `int8` the quantized one; either is missing where
    it was not measured. `bytes` gives the size of each file.
    """

    agreement: Agreement
    loss: Loss | None
    precision: str
    int8: Loss | None = None
    folder: Path = Path()
    bytes: Mapping[str, int] = field(default_factory=dict)
    proven_on: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**asdict(self), "folder": str(self.folder)}


class LossyExportError(SwapError):
    """int8 weights cost more F1 than was allowed; nothing was written."""

    exit_code = 1


def export_run(
    run: Path, out: Path, plugins: Plugins, watcher: Watcher, options: ExportOptions | None = None
) -> ExportOutcome:
    """Export a run or a checkpoint to ONNX and prove it; `out` appears once it is proven.

    Raises `SourceError` where the run holds no whole checkpoint, `SwapError` where its head or
    encoder cannot be exported or the export is not the same model, and `LossyExportError` where
    int8 costs more F1 than `max_loss`.
    """
    options = options or ExportOptions()
    require_onnx()
    manifest, recipe = recorded(run)
    _require_whole(run)
    path, examples = _documents(run, recipe, options)
    asked = what_to_ask(manifest, examples, options.labels)
    if not asked.labels:
        raise InputError("the model was saved without labels", hint="name them with --label")
    watcher.stage("load")
    saved = Saved.load(run, manifest, recipe)
    saved.model.to("cpu")
    EntityGraph(saved.model)  # refuses, in its own words, what cannot be exported
    watcher.stage(f"score {len(examples)} documents in torch")
    reference = Reference.of(saved, examples, asked)
    with one_line(out, "make room, or give --out another folder"), new_folder(out) as beside:
        description = _describe(saved, plugins, beside, "int8" if options.int8 else "float32")
        proven = _write_proven(reference, description, beside, options, watcher)
        proof = {
            "documents": path,
            "agreement": asdict(proven.agreement),
            "f1": proven.loss.as_dict() if proven.loss else None,
            "int8": proven.int8.as_dict() if proven.int8 else None,
        }
        files = {one.name: checksum(one) for one in sorted(beside.iterdir())}
        write_json(beside / EXPORT, asdict(replace(description, proof=proof, files=files)))
        sizes = {one.name: one.stat().st_size for one in sorted(beside.iterdir())}
    return replace(proven, folder=out, bytes=sizes, proven_on=path)


def _require_whole(run: Path) -> None:
    """Refuse, before anything is loaded, a run that was left without a checkpoint."""
    folder = checkpoint_folder(run)
    for name in ("config.json", "encoder_config/config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise SourceError(
                f"no {name}, so this run holds no whole checkpoint",
                where=folder,
                hint="finish the run with `encswap train --resume`",
            )


def _documents(run: Path, recipe: Any, options: ExportOptions) -> tuple[str, Sequence[Example]]:
    """The documents to prove on: those named, else the run's test file, else shipped ones."""
    own = str(recipe.test) if recipe.test else None
    names = [options.data] if options.data else [own, *(() if options.int8 else SAMPLE)]
    for name in filter(None, names):
        try:
            path = find_data(name)
        except InputError:
            if options.data:
                raise
            continue
        return name, list(read_examples(path, options=read_as(recipe, options.read)))
    raise InputError(
        "int8 is compared on documents with gold, and the run's own test file is gone"
        if options.int8
        else "there are no documents to prove the export on",
        where=run,
        hint="name some with --data FILE",
    )


def _describe(
    saved: Saved, plugins: Plugins, folder: Path, precision: Literal["float32", "int8"]
) -> Description:
    """Write tokenizer and splitter files, and collect what `export.json` says of the model."""
    processor, recipe, manifest = saved.model.processor, saved.recipe, saved.manifest
    write_text(folder / TOKENIZER, processor.tokenizer.backend_tokenizer.to_str())
    return Description(
        format=FORMAT,
        encswap=__version__,
        precision=precision,
        splitter=_splitter(saved, plugins, folder),
        max_width=max_width_of(saved.model) or 1,
        max_length=recipe.max_length,
        positions=position_limit(saved.model, recipe.max_length),
        special_pieces=tuple(sorted(special_pieces(processor.tokenizer))),
        pooling=processor.token_pooling,
        stand_in=stand_in(processor) or "",
        files={},
        labels=manifest.labels,
        descriptions=manifest.descriptions,
        threshold=manifest.threshold,
        overlap_policy=overlap_policy(saved.model, recipe.overlap_policy),
        model={
            "base": asdict(manifest.base),
            "encoder": asdict(manifest.encoder),
            "class": type(saved.model.encoder).__name__,
            "threshold_source": manifest.threshold_source,
        },
        versions=versions_of(PACKAGES),
    )


def _splitter(saved: Saved, plugins: Plugins, folder: Path) -> ExportedSplitter:
    """Describe the splitter by the plugin that gives it, and copy the files that it needs."""
    known = saved.manifest.splitter
    owner = next((one.name for one in plugins.records.values() if known.name in one.splitters), "")
    options = known.options_at(saved.folder)
    files = {key: one["name"] for key, one in known.files.items() if key in options}
    for key, name in files.items():
        write_bytes(folder / name, Path(str(options[key])).read_bytes())
    return ExportedSplitter(
        name=known.name,
        # The runtime has the splitters that encswap registers itself.
        plugin="" if owner in DEFAULT_PLUGINS else owner,
        options={key: value for key, value in options.items() if key not in files},
        versions={
            key: value for key, value in known.versions.items() if not key.endswith("_sha256")
        },
        files=files,
    )


def _write_proven(
    reference: Reference,
    description: Description,
    folder: Path,
    options: ExportOptions,
    watcher: Watcher,
) -> ExportOutcome:
    """Write the graph that is asked for, once it has been compared with the model in torch."""
    with scratch("export") as work:
        graph = (work if options.int8 else folder) / GRAPH
        watcher.stage("trace the graph")
        write_graph(reference.saved.model, graph)
        watcher.stage("prove the export")
        runner = Runner(folder, description, open_session(graph))
        scored = reference.scored_by(runner)
        agreement = reference.agreement(runner, scored)
        agreement.refuse()
        has_gold = any(one.gold for one in reference.examples)
        outcome = ExportOutcome(
            agreement, reference.loss(scored) if has_gold else None, description.precision
        )
        if not options.int8:
            return outcome
        watcher.stage("quantize, and score again")
        write_int8(graph, folder / GRAPH)
        runner = Runner(folder, description, open_session(folder / GRAPH))
        loss = reference.loss(reference.scored_by(runner))
    if -loss.difference > options.max_loss:
        raise LossyExportError(
            f"int8 costs {-loss.difference:.4f} F1 ({loss.before['f1']:.4f} to "
            f"{loss.after['f1']:.4f}, 95% interval of the difference {loss.low:+.4f} to "
            f"{loss.high:+.4f}), more than the {options.max_loss:g} allowed; nothing was written",
            hint="export without --int8, or allow more with --max-loss",
        )
    return replace(outcome, int8=loss)
