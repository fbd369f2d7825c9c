"""The rivals of a run: each trained and scored on its documents, and what comes of it."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from encswap import __version__, files
from encswap import distributed as processes
from encswap.errors import EncswapError, InputError
from encswap.evaluate.summary import judge_targets, summarise
from encswap.evaluate.thresholds import Scored, score_at
from encswap.manifest import MANIFEST, ModelRecord, describe_splitter, versions_of
from encswap.models import BuildMini, spec_of
from encswap.plugins import Plugins
from encswap.recipe import Recipe, fault_of_field
from encswap.rivals.verdict import KEEP, TAGGER, counts_of, judge
from encswap.train.fit import Compete, Job, peak_memory, reset_peak_memory
from encswap.train.provenance import PACKAGES, chosen_on, mark_seen, prediction_lines
from encswap.train.run import RunOptions, run_recipe
from encswap.train.run_folder import RunFolder
from encswap.types import LoadedEncoder
from encswap.validation import parse_json, read_text

FOLDER, METRICS, PREDICTIONS = "rivals", "metrics.json", "predictions.jsonl"
CAN = {
    TAGGER: "the labels that it was trained on and no others: no schema, no label by its name, "
    "nothing that overlaps",
    KEEP: "what GLiNER2 can: labels by their names, overlapping mentions, other tasks of a schema",
}
SHOWN = (
    "base",
    "strategy",
    "splitter",
    "encoder_lr",
    "head_lr",
    "epochs",
    "batch_size",
    "gradient_accumulation",
)
COST = ("parameters", "training_seconds", "peak_memory_bytes", "documents_per_second")
Metrics = dict[str, Any]


def refuse_rivals(recipe: Recipe, plugins: Plugins) -> None:
    """Refuse a rival that nobody knows or that is the run itself, and settings that are wrong.

    What must be fetched first is not looked for: a rival that cannot be loaded costs only itself.
    """
    for name in recipe.rivals:
        if name == KEEP and recipe.strategy == KEEP:
            raise InputError("rival 'keep' is the run itself", hint="leave it out of rivals")
        if name not in (TAGGER, KEEP):
            spec_of(name, plugins)
    for name, given in recipe.rival_settings.items():
        if name not in recipe.rivals:
            known = ", ".join(recipe.rivals) or "none"
            raise InputError(f"rival_settings: {name!r} is no rival here", hint=f"rivals: {known}")
        try:
            _settings_of(recipe, name)
        except ValidationError as error:
            told = fault_of_field(error, given)
            raise InputError(f"rival_settings: {name}: {told}") from error


def _settings_of(recipe: Recipe, name: str) -> Any:
    if name != TAGGER:
        return keep_recipe(recipe, name, None)
    from encswap.rivals.tagger import TaggerRecipe

    return TaggerRecipe.of(recipe)


def keep_recipe(recipe: Recipe, name: str, splitter: str | None) -> Recipe:
    """The recipe of a rival without a swap: the run's documents, words, rates and epochs."""
    changes: dict[str, Any] = {
        "strategy": "keep",
        "encoder": None,
        "base": recipe.base if name == KEEP else name,
        "splitter": splitter or recipe.splitter,
        "alignment": "none",
        "control": None,
        "rivals": (),
        "rival_settings": {},
        "targets": {},
    }
    own = recipe.rival_settings.get(name, {})
    return Recipe.model_validate({**recipe.model_dump(), **changes, **own})


def competing(build_mini: BuildMini | None = None) -> Compete:
    """Make what trains the rivals of a run; `build_mini` builds the mini models that they name."""

    def compete(job: Job, metrics: Metrics) -> Metrics:
        return train_rivals(job, metrics, build_mini)

    return compete


def train_rivals(job: Job, metrics: Metrics, build_mini: BuildMini | None = None) -> Metrics:
    """Train and score every rival into its own folder below the run's; a dict by their names.

    One that fails is named with its error and costs only itself; one that an interrupted run has
    finished is read again.
    """
    job.ready.model.to("cpu")
    job.ready.base.to("cpu")
    own = counts_of(job.folder.path / PREDICTIONS) if processes.is_main() else []
    found: Metrics = {}
    for name in job.recipe.rivals:
        folder = job.folder.path / FOLDER / _slug(name)
        try:
            result = _train(job, name, folder, metrics["throughput"], build_mini)
        except Exception as error:
            line = str(error) if isinstance(error, EncswapError) else _line_of(error)
            found[name] = {"error": " ".join(line.split())[:600]}
            job.watcher.remark(f"rival {name} failed: {found[name]['error']}")
            if processes.is_main():
                files.remove(folder, job.folder.path)
            continue
        finally:
            gc.collect()
        if processes.is_main():
            theirs = counts_of(folder / PREDICTIONS)
            count = len(job.recipe.rivals)
            said = judge(name, theirs, own, seed=job.recipe.seed, rivals=count)
            found[name] = _entry(job, name, folder, result, said)
    return found


def _line_of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "rival"


def _train(
    job: Job, name: str, folder: Path, own: Mapping[str, Any], build_mini: BuildMini | None
) -> Metrics:
    """Train and score one rival, or read what was measured before the run was interrupted."""
    if (folder / METRICS).is_file():
        done: Metrics = parse_json(read_text(folder / METRICS))
        return done
    job.watcher.stage(f"rival {name}")
    counted = reset_peak_memory()
    if name == TAGGER:
        result = _train_tagger(job, folder, int(own["updates"]), counted)
    else:
        result = _train_kept(job, name, folder, build_mini)
        if not counted:
            result["throughput"]["peak_memory_bytes"] = None
    return result


def _train_kept(job: Job, name: str, folder: Path, build_mini: BuildMini | None) -> Metrics:
    begun = (folder / MANIFEST).is_file()
    if not begun and processes.is_main():
        files.remove(folder, job.folder.path)
    asked = RunOptions(
        again=RunFolder.resume(folder, anew=True) if begun else None,
        splitter=job.ready.splitter,
        build_mini=build_mini,
    )
    recipe = keep_recipe(job.recipe, name, job.ready.splitter_name)
    return run_recipe(recipe, folder, job.plugins, job.watcher, asked)


def _train_tagger(job: Job, folder: Path, updates: int, counted: bool) -> Metrics:
    import time

    from encswap.rivals.bio import count_expressed, expressed_by
    from encswap.rivals.tagger import CERTAIN, TaggerRecipe, make_tagger, train_tagger

    recipe, documents = job.recipe, job.documents
    own = TaggerRecipe.of(recipe)
    labels, seed = documents.asked.labels, recipe.seed
    tagger = make_tagger(recipe, own, _encoder(job), job.ready.splitter, labels)
    progress = train_tagger(
        tagger,
        recipe,
        own,
        documents.train,
        documents.dev,
        updates=updates,
        folder=folder,
        watcher=job.watcher,
    )
    found = {"dev": tagger.predict(documents.dev)}
    began = time.monotonic()
    found["test"] = tagger.predict(documents.test)
    speed = len(documents.test) / max(time.monotonic() - began, 1e-9)
    scored: dict[str, Scored] = {
        part: score_at(examples, found[part], CERTAIN, None)
        for part, examples in (("dev", documents.dev), ("test", documents.test))
    }
    said = {
        part: [expressed_by(tagger.cut, example) for example in examples]
        for part, examples in (("train", documents.train), ("test", documents.test))
    }
    expressed = {part: count_expressed(one) for part, one in said.items()}
    test = summarise(scored["test"], documents.test, labels, seed)
    metrics: Metrics = {
        "protocol": recipe.protocol,
        "strategy": TAGGER,
        "threshold": CERTAIN,
        "threshold_source": "none",
        "epoch_source": chosen_on(recipe),
        "coverage": expressed["train"].share,
        "overlap_policy": None,
        "dev": summarise(scored["dev"], documents.dev, labels, seed),
        "test": test,
        "epochs": [vars(epoch) for epoch in progress.epochs],
        "stopped": progress.stop_reason(recipe.patience, recipe.overfit_patience),
        "throughput": {
            "parameters": sum(one.numel() for one in tagger.model.parameters()),
            "training_seconds": sum(epoch.seconds for epoch in progress.epochs),
            "peak_memory_bytes": peak_memory() if counted else None,
            "documents_per_second": speed,
            "updates": updates,
        },
        "targets": judge_targets({}, test),
        "expressed": {part: one.as_dict() for part, one in expressed.items()},
        "recipe": {**own.model_dump(), "schedule": "linear", "updates": updates},
        "remarks": _remarks(job, expressed["train"].as_dict()),
    }
    if processes.is_main():
        lines = prediction_lines(documents.test, scored["test"], found["test"], said["test"])
        lines = mark_seen(lines, documents.train)
        _write_tagger(job, folder, tagger, metrics, lines)
    processes.barrier()
    return metrics


def _encoder(job: Job) -> LoadedEncoder:
    """The encoder that the run trained, as it was before."""
    from encswap.gliner import model as gliner
    from encswap.swap.load import redraw

    ready, recipe = job.ready, job.recipe
    if recipe.strategy == KEEP:
        base = gliner.read_model(ready.base_source.path)
        return LoadedEncoder(base.encoder, base.processor.tokenizer)
    spec = spec_of(str(recipe.encoder), job.plugins)
    loaded = job.plugins.load_encoder(spec, ready.encoder_source)
    return redraw(loaded, recipe.seed) if recipe.strategy == "scratch" else loaded


def _remarks(job: Job, train: Mapping[str, int]) -> list[str]:
    """Say what of the training gold the tagger cannot learn."""
    found = []
    if train["overlapping"]:
        found.append(
            f"the tagger cannot express {train['overlapping']:,} of {train['mentions']:,} training "
            "mentions that overlap a longer one: of these the longest is kept"
        )
    if train["misaligned"]:
        found.append(
            f"the tagger cannot express {train['misaligned']:,} of {train['mentions']:,} training "
            "mentions exactly: their borders lie within its pieces"
        )
    some = sum(example.annotated is not None for example in job.documents.train)
    if some:
        found.append(
            f"{some:,} training documents name their labels: the tagger learns that they hold no "
            "other"
        )
    for one in found:
        job.watcher.remark(one)
    return found


def _write_tagger(
    job: Job,
    folder: Path,
    tagger: Any,
    metrics: Metrics,
    lines: list[dict[str, Any]],
) -> None:
    """Write checkpoint, predictions and metrics; the metrics last, for they say that it is done."""
    folder.mkdir(parents=True, exist_ok=True)
    with files.replaced_folder(folder / "checkpoint") as beside:
        tagger.model.save_pretrained(str(beside))
        tagger.encoder.tokenizer.save_pretrained(str(beside))
    record = {
        "encswap": __version__,
        "rival": TAGGER,
        "encoder": vars(ModelRecord.of(job.ready.encoder_source)),
        "splitter": describe_splitter(
            job.ready.splitter_name, job.ready.splitter, job.recipe.splitter_options
        ).name,
        "splitter_options": dict(job.recipe.splitter_options),
        "max_length": tagger.max_length,
        "epoch_source": metrics["epoch_source"],
        "labels": list(tagger.labels),
        "versions": versions_of(PACKAGES),
        "data": dict(job.documents.checksums),
        "recipe": {**metrics["recipe"], "seed": job.recipe.seed},
    }
    files.write_json(folder / "rival.json", record)
    files.write_lines(folder / PREDICTIONS, lines)
    files.write_json(folder / METRICS, json.loads(json.dumps(metrics)))


def _entry(job: Job, name: str, folder: Path, result: Metrics, said: Metrics) -> Metrics:
    """What the run's metrics hold of a rival."""
    test, spent = result["test"], result["throughput"]
    if name == TAGGER:
        recipe = result["recipe"]
    else:
        used = keep_recipe(job.recipe, name, job.ready.splitter_name).model_dump(mode="json")
        recipe = {key: used[key] for key in SHOWN} | {"updates": spent["updates"]}
    entry: Metrics = {
        "micro": test["micro"],
        "per_label": test["per_label"],
        "strings": test["strings"],
        **said,
        "cost": {key: spent.get(key) for key in COST},
        "can": CAN.get(name, CAN[KEEP]),
        "recipe": recipe,
        "epochs": len(result["epochs"]),
        "folder": str(folder.relative_to(job.folder.path)),
        "remarks": result.get("remarks", []),
    }
    return entry | ({"expressed": result["expressed"]} if name == TAGGER else {})
