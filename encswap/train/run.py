"""A whole run: score before, train, choose epoch and threshold on dev, score test once, write."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap import __version__, files
from encswap import distributed as processes
from encswap.data.label_sets import with_labels_alone
from encswap.data.overlaps import measure_ceiling
from encswap.data.units import CachedSplitter, units_of
from encswap.errors import InputError
from encswap.evaluate.baselines import cross_fold, predict_by_dictionary
from encswap.evaluate.error_analysis import expressible
from encswap.evaluate.label_thresholds import LabelThresholds, choose_by_label
from encswap.evaluate.retention import (
    Asked,
    compare_retention,
    measure_retention,
)
from encswap.evaluate.score import score_documents
from encswap.evaluate.summary import judge_targets, remarks_on_scores, summarise
from encswap.evaluate.thresholds import best, score_at, sweep
from encswap.gliner import model as gliner
from encswap.gliner.model import overlap_policy, put_on_device, read_model
from encswap.gliner.schema import EntitySchema
from encswap.manifest import Manifest, ModelRecord, describe_splitter, versions_of, write_manifest
from encswap.models import BuildMini, find_base, find_models
from encswap.plugins import Plugins
from encswap.recipe import Recipe, dump_recipe, encoder_of
from encswap.swap.assemble import prove, swap_encoder
from encswap.train.alignment import align_encoder
from encswap.train.preflight import look_ahead
from encswap.train.prepare import make_ready, text_form_of
from encswap.train.progress import Progress
from encswap.train.provenance import (
    PACKAGES,
    chosen_on,
    form_remarks,
    manifest_of,
    mark_seen,
    plugin_versions,
    prediction_lines,
    refuse_changed,
    training_record,
)
from encswap.train.run_files import Averaged, Baselines, Kept
from encswap.train.run_folder import RECIPE, RunFolder, explain_write_errors
from encswap.types import (
    EncoderSpec,
    Example,
    Prediction,
    Source,
    Watcher,
    WordSplitter,
    descriptions_of,
    labels_of,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from encswap.train.averaging import State
    from encswap.train.fit import Compete, Job


STAGES = ("score_before", "train", "score_after")
"""The stages whose seconds `metrics.json` holds; those of what was done before are near zero."""


def baselines(job: Job) -> dict[str, Any]:
    """Score what the trained model is compared with; once, also when resumed."""

    def measure() -> dict[str, Any]:
        job.watcher.stage("score before training")
        return {
            "dictionary": _dictionary(job),
            "base": _untrained(job, job.ready.base, job.ready.base.processor.word_splitter),
            "before_training": _untrained(job, job.ready.model, job.ready.splitter),
            **_control(job),
        }

    return job.folder.remember("baselines", Baselines, measure)


def _control(job: Job) -> dict[str, Any]:
    """Score the control with its own word splitter, where there is one."""
    if job.control is None:
        return {}
    job.watcher.stage(f"score {job.control.name} beside")
    model = put_on_device(read_model(job.control.path))
    scored = _untrained(job, model, model.processor.word_splitter)
    return {"control": {**scored, "name": job.control.name}}


def _untrained(job: Job, model: PreTrainedModel, splitter: WordSplitter) -> dict[str, Any]:
    """Score a model as it is: threshold chosen on dev, test scored at it."""
    from encswap.train.fit import DEFAULT_THRESHOLD

    dev, test = job.documents.dev, job.documents.test
    policy = overlap_policy(model, job.recipe.overlap_policy)
    results = sweep(dev, job.score(model, dev, splitter), job.recipe.thresholds, policy)
    found = job.score(model, test, splitter)
    scored = score_at(test, found, best(results).threshold, policy)
    summary = summarise(scored, test, job.documents.asked.labels, job.recipe.seed)
    at = scored.threshold if job.documents.asked.labels else DEFAULT_THRESHOLD
    tasks = job.score_tasks(model, test, at, splitter)
    held = _held_out(job, model, splitter, at)
    return {
        **summary,
        **({"tasks": tasks} if tasks else {}),
        **({"held_out": held} if held else {}),
    }


def _dictionary(job: Job) -> dict[str, Any]:
    documents = job.documents
    own_dev = documents.dev if job.recipe.protocol == "dev" else ()
    known = [*documents.train, *own_dev]
    found = predict_by_dictionary(known, documents.test)
    scored = score_at(documents.test, found, 0.5, None)
    summary = summarise(scored, documents.test, documents.asked.labels, job.recipe.seed)
    return {**summary, "cross_fold": cross_fold(known).as_dict()}


def run(job: Job, check: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Train and score; everything is written into the run folder; returns the metrics.

    A folder that was left by an interrupted run goes on from its last whole epoch. `check` may
    refuse the folder when it is held, so that no other process changes it meanwhile.
    """
    with job.folder.held(), explain_write_errors(job.folder.path):
        check()
        return _run(job)


def _run(job: Job) -> dict[str, Any]:
    from encswap.train.averaging import copy_state
    from encswap.train.fit import fit

    begin(job)
    times = [time.monotonic()]
    compared = baselines(job)
    times.append(time.monotonic())
    before = _kept_before(job)
    start = copy_state(job.ready.model) if job.recipe.average_with_start else {}
    progress, throughput = fit(job)
    average = _average(job, progress, start) if start else None
    steps = throughput.pop("steps", None)
    times.append(time.monotonic())
    job.watcher.stage("score test")
    manifest = manifest_of(
        job.recipe, job.documents, job.ready, job.plugins, threshold=progress.threshold
    )
    manifest = replace(manifest, remarks=job.folder.remarks())
    job.folder.write_manifest(manifest)
    metrics, predictions, own = _final(job, progress)
    if own:
        job.folder.write_manifest(replace(manifest, thresholds=own))
    times.append(time.monotonic())
    metrics |= {
        "baselines": compared,
        "seconds": dict(zip(STAGES, (b - a for a, b in pairwise(times)), strict=True)),
        "epochs": [asdict(epoch) for epoch in progress.epochs],
        "stopped": progress.stop_reason(job.recipe.patience, job.recipe.overfit_patience),
        "throughput": {**throughput, **metrics["throughput"]},
        "provenance": training_record(
            job.documents,
            steps,
            sum(epoch.seconds for epoch in progress.epochs),
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        ),
        "targets": judge_targets(job.recipe.targets, metrics["test"]),
    }
    if average:
        metrics["average_with_start"] = average
    if before:
        metrics["retention"] = _retention(job, before)
    found = remarks_on_scores(metrics, job.recipe.thresholds)
    for remark in found:
        job.watcher.remark(remark)
    metrics["remarks"] = [*job.documents.remarks, *found]
    job.folder.write_lines("predictions.jsonl", predictions)
    if job.recipe.rivals and job.compete is not None:
        metrics["rivals"] = job.compete(job, metrics)
    job.folder.write_metrics(metrics)
    job.folder.drop_state()
    return metrics


def _average(job: Job, progress: Progress, start: State) -> dict[str, Any]:
    """Average the best epoch with the start where dev says so; once, also when resumed."""
    from encswap.train.averaging import choose_share
    from encswap.train.fit import score_dev

    def measure() -> dict[str, Any]:
        job.watcher.stage("average with the start")
        model = put_on_device(read_model(job.folder.checkpoint, splitter=job.ready.splitter))
        shares = job.recipe.average_with_start
        found = choose_share(model, start, shares, lambda one: score_dev(job, one)[1:])
        if found["share"]:
            job.folder.save_checkpoint(model)
        return found

    found = job.folder.remember("average", Averaged, measure)
    progress.threshold = found["threshold"]
    return found


def _held_out(
    job: Job, model: PreTrainedModel, splitter: WordSplitter, threshold: float
) -> dict[str, Any]:
    """Score the labels that training never saw, asked beside all others: zero-shot."""
    held = job.documents.held_out
    if held is None:
        return {}
    found = score_documents(
        model, held.test, held.asked, splitter, max_length=job.recipe.max_length
    )
    found = [[one for one in each if one.label in held.labels] for each in found]
    examples = [with_labels_alone(example, held.labels) for example in held.test]
    policy = overlap_policy(model, job.recipe.overlap_policy)
    scored = score_at(examples, found, threshold, policy)
    summary = summarise(scored, examples, held.labels, job.recipe.seed)
    return {key: summary[key] for key in ("threshold", "micro", "per_label")}


def _kept(job: Job, model: PreTrainedModel, splitter: WordSplitter) -> dict[str, Any]:
    recipe = job.recipe
    return measure_retention(
        Asked(model, splitter, recipe.max_length),
        job.documents.kept,
        seed=recipe.seed,
        policy=recipe.overlap_policy,
    )


def _kept_before(job: Job) -> dict[str, Any]:
    """Score base and swapped model on what is not trained; once, also when resumed."""
    if not job.recipe.measures_retention:
        return {}

    def measure() -> dict[str, Any]:
        job.watcher.stage("score retention before training")
        base, ready = job.ready.base, job.ready
        return {
            "base": _kept(job, base, CachedSplitter(base.processor.word_splitter)),
            "swapped": _kept(job, ready.model, ready.splitter),
        }

    return job.folder.remember("retention", Kept, measure)


def _retention(job: Job, before: dict[str, Any]) -> dict[str, Any]:
    job.watcher.stage("score retention")
    model = put_on_device(read_model(job.folder.checkpoint, splitter=job.ready.splitter))
    measured = {**before, "tuned": _kept(job, model, job.ready.splitter)}
    return compare_retention(measured, seed=job.recipe.seed)


def begin(job: Job) -> None:
    """Write down what the run is made of before anything is trained."""
    if not job.folder.has_manifest():
        # The manifest first: it holds the recipe too, and a folder without it is taken over.
        job.folder.write_manifest(manifest_of(job.recipe, job.documents, job.ready, job.plugins))
    if not job.folder.has_recipe():
        job.folder.write_text(RECIPE, dump_recipe(job.recipe))


def _final(
    job: Job, progress: Progress
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, float]]:
    """Score dev and test with the best epoch's weights, read back from the run folder.

    Returns the metrics, a line per document, and the labels' own thresholds where dev shows a gain.
    """
    recipe, documents, ready = job.recipe, job.documents, job.ready
    model = put_on_device(read_model(job.folder.checkpoint, splitter=ready.splitter))
    policy = overlap_policy(model, recipe.overlap_policy)
    found = {"dev": job.score(model, documents.dev)}
    began = time.monotonic()
    found["test"] = job.score(model, documents.test)
    seconds = time.monotonic() - began
    by_label = _label_thresholds(job, found["dev"], progress.threshold, policy)
    own = by_label.thresholds if by_label else {}
    dev, test = (
        score_at(examples, found[part], progress.threshold, policy, own)
        for part, examples in (("dev", documents.dev), ("test", documents.test))
    )
    labels = documents.asked.labels
    ceilings = {
        part: measure_ceiling(examples, ready.splitter, ready.max_width, policy)
        for part, examples in (("train", documents.train), ("test", documents.test))
    }
    metrics = {
        "protocol": recipe.protocol,
        "strategy": recipe.strategy,
        "threshold": progress.threshold,
        "threshold_source": chosen_on(recipe),
        "epoch_source": chosen_on(recipe),
        "coverage": ceilings["train"].share,
        "ceiling": {part: one.as_dict() for part, one in ceilings.items()},
        "overlap_policy": policy,
        "dev": summarise(dev, documents.dev, labels, recipe.seed),
        "test": summarise(test, documents.test, labels, recipe.seed),
        "throughput": {
            "documents_per_second": len(documents.test) / max(seconds, 1e-9),
            "parameters": sum(one.numel() for one in model.parameters()),
        },
    }
    if by_label:
        metrics["label_thresholds"] = by_label.as_dict()
    if documents.schema:
        metrics["tasks"] = job.score_tasks(model, documents.test, progress.threshold)
    if held := _held_out(job, model, ready.splitter, progress.threshold):
        metrics["held_out"] = held
    expressed = [
        expressible(example, units_of(ready.splitter, example.text), ready.max_width)
        for example in documents.test
    ]
    lines = prediction_lines(documents.test, test, found["test"], expressed)
    return metrics, mark_seen(lines, documents.train), own


def _label_thresholds(
    job: Job, found: Sequence[Sequence[Prediction]], threshold: float, policy: str | None
) -> LabelThresholds | None:
    """Choose a threshold a label on dev; None where the recipe wants none, or dev is test."""
    recipe, documents = job.recipe, job.documents
    if recipe.label_thresholds == "never" or recipe.protocol == "plan":
        return None
    if len(documents.asked.labels) < 2:
        return None
    results = sweep(documents.dev, found, recipe.thresholds, policy)
    return choose_by_label(documents.dev, results, threshold, recipe.seed)


def default_folder(encoder: str, root: Path = Path("runs")) -> Path:
    """A new run folder's name: the encoder and the time."""
    safe = "".join(char if char.isalnum() or char in "-_." else "-" for char in encoder)
    return root / f"{safe.strip('.-') or 'run'}-{time.strftime('%Y%m%d-%H%M%S')}"


@dataclass(frozen=True)
class RunOptions:
    """How a run is made: pickle weights or not, the folder it goes on in, its splitter if shared.

    A folder to go on in is refused where something changed since, unless `force`. `compete` trains
    the rivals that a recipe names; `callbacks` are transformers' own, classes or instances.
    """

    allow_pickle: bool = False
    again: RunFolder | None = None
    force: bool = False
    splitter: CachedSplitter | None = None
    build_mini: BuildMini | None = None
    compete: Compete | None = None
    callbacks: Sequence[Any] = ()


def run_recipe(
    recipe: Recipe, path: Path, plugins: Plugins, watcher: Watcher, options: RunOptions
) -> dict[str, Any]:
    """Swap, or keep the base's own encoder, train and score as the recipe says; the metrics.

    Settings, folder, documents and units are checked before a model is looked for; the folder is
    made after.
    """
    encoder = encoder_of(recipe)
    if recipe.rivals and options.compete is None:
        raise InputError(
            f"rivals are named ({', '.join(recipe.rivals)}), and nothing trains them",
            hint="pass RunOptions(compete=competing()) of encswap.rivals.contest",
        )
    found = look_ahead(
        recipe, path, plugins, watcher, new=options.again is None, splitter=options.splitter
    )
    documents, units = found.documents, found.units
    assert documents is not None and units is not None  # what refuses them is raised
    for one in found.warnings:
        watcher.remark(one.message)
    from transformers import set_seed

    from encswap.train.fit import Job

    set_seed(recipe.seed)  # what is drawn does not depend on what this process did before
    with processes.main_first():
        models = find_models(
            plugins,
            watcher,
            base=recipe.base,
            encoder=encoder,
            scale=recipe.scale,
            allow_pickle=options.allow_pickle,
            build_mini=options.build_mini,
        )
        control = (
            find_base(plugins, watcher, recipe.control, options.build_mini)
            if recipe.control is not None
            else None
        )
    watcher.stage(
        f"swap {models.spec.name} into {models.base.name}"
        if encoder
        else f"read {models.base.name}, which keeps its own encoder"
    )
    ready = make_ready(
        recipe,
        documents,
        plugins,
        spec=models.spec,
        base_source=models.base,
        encoder_source=models.encoder,
        splitter=units.splitter,
        watcher=watcher,
    )
    folder = options.again or RunFolder.create(path)
    job = Job(
        recipe,
        documents,
        ready,
        plugins,
        folder,
        watcher,
        control,
        options.compete,
        options.callbacks,
    )
    if options.again is None:
        return run(job)
    now = manifest_of(recipe, documents, ready, plugins)
    return run(job, lambda: refuse_changed(folder, now, force=options.force))


def write_swap(
    recipe: Recipe,
    plugins: Plugins,
    spec: EncoderSpec,
    *,
    base_source: Source,
    encoder_source: Source,
    out: Path,
    examples: Sequence[Example] = (),
    watcher: Watcher | None = None,
) -> Manifest:
    """Swap, prove, align where the recipe says so, and write a new folder in one step.

    Alignment looks at the texts of `examples` and asks for their labels. Raises `InputError` or
    `SwapError` where something does not fit, before anything is written.
    """
    name = recipe.splitter or spec.word_splitter
    splitter = plugins.splitter(name, **recipe.splitter_options)
    base = gliner.read_model(base_source.path)
    swapped = swap_encoder(
        base,
        plugins.load_encoder(spec, encoder_source),
        plugins,
        splitter=splitter,
        name=encoder_source.identifier,
        max_width=recipe.max_width if recipe.max_width != "auto" else None,
        method=recipe.embeddings,
        seed=recipe.seed,
        token_pooling=recipe.token_pooling,
        text_form=text_form_of(recipe),
    )
    prove(swapped.model, base, splitter)
    asked = EntitySchema(tuple(labels_of(examples)), descriptions_of(examples))
    remarks = align_encoder(recipe, swapped.model, base, examples, asked, watcher=watcher)
    manifest = Manifest(
        encswap=__version__,
        base=ModelRecord.of(base_source),
        encoder=ModelRecord.of(encoder_source),
        splitter=describe_splitter(name, splitter, recipe.splitter_options),
        max_width=gliner.max_width_of(swapped.model),
        embeddings=recipe.embeddings,
        origins=dict(swapped.origins),
        versions=versions_of(PACKAGES),
        plugins=plugin_versions(plugins),
        recipe=json.loads(recipe.model_dump_json()),
        remarks=(*form_remarks(recipe), *remarks),
    )
    with files.one_line(out, "make room, or give --out elsewhere"), files.new_folder(out) as beside:
        gliner.save_model(swapped.model, beside)
        write_manifest(manifest, beside)
    return manifest
