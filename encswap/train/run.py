"""A whole run: score before, train, choose epoch and threshold on dev, score test once, write."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from encswap.data.overlaps import measure_ceiling
from encswap.evaluate.remarks import remarks_on_scores
from encswap.evaluate.summary import judge_targets, summarise
from encswap.evaluate.thresholds import score_at
from encswap.recipe import dump_recipe
from encswap.swap.gliner import overlap_policy, put_on_device, read_model
from encswap.train.baselines import baselines
from encswap.train.fitting import fit
from encswap.train.folder import RECIPE, told_of_writing
from encswap.train.job import Job
from encswap.train.progress import Progress
from encswap.train.record import chosen_on, manifest_of, prediction_lines


def run(job: Job, check: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Train and score; everything is written into the run folder; returns the metrics.

    A folder that was left by an interrupted run goes on from its last whole epoch. `check` may
    refuse the folder when it is held, so that no other process changes it meanwhile.
    """
    with job.folder.held(), told_of_writing(job.folder.path):
        check()
        return _run(job)


def _run(job: Job) -> dict[str, Any]:
    begin(job)
    compared = baselines(job)
    progress, throughput = fit(job)
    job.watcher.stage("score test")
    manifest = manifest_of(
        job.recipe, job.documents, job.ready, job.plugins, threshold=progress.threshold
    )
    job.folder.write_manifest(replace(manifest, remarks=job.folder.remarks()))
    metrics, predictions = _final(job, progress)
    metrics |= {
        "baselines": compared,
        "epochs": [asdict(epoch) for epoch in progress.epochs],
        "stopped": progress.stop_reason(job.recipe.patience, job.recipe.overfit_patience),
        "throughput": throughput,
        "targets": judge_targets(job.recipe.targets, metrics["test"]),
    }
    found = remarks_on_scores(metrics, job.recipe.thresholds)
    for remark in found:
        job.watcher.remark(remark)
    metrics["remarks"] = [*job.documents.remarks, *found]
    job.folder.write_lines("predictions.jsonl", predictions)
    job.folder.write_metrics(metrics)
    job.folder.drop_state()
    return metrics


def begin(job: Job) -> None:
    """Write down what the run is made of before anything is trained."""
    if not job.folder.has_manifest():
        # The manifest first: it holds the recipe too, and a folder without it is taken over.
        job.folder.write_manifest(manifest_of(job.recipe, job.documents, job.ready, job.plugins))
    if not job.folder.has_recipe():
        job.folder.write_text(RECIPE, dump_recipe(job.recipe))


def _final(job: Job, progress: Progress) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Score dev and test with the best epoch's weights, read back from the run folder."""
    recipe, documents, ready = job.recipe, job.documents, job.ready
    model = put_on_device(read_model(job.folder.checkpoint, splitter=ready.splitter))
    policy = overlap_policy(model, recipe.overlap_policy)
    found = {
        part: job.score(model, examples)
        for part, examples in (("dev", documents.dev), ("test", documents.test))
    }
    dev, test = (
        score_at(examples, found[part], progress.threshold, policy)
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
    }
    return metrics, prediction_lines(documents.test, test, found["test"], ready)


def default_folder(encoder: str, root: Path = Path("runs")) -> Path:
    """A new run folder's name: the encoder and the time."""
    safe = "".join(char if char.isalnum() or char in "-_." else "-" for char in encoder)
    return root / f"{safe.strip('.-') or 'run'}-{time.strftime('%Y%m%d-%H%M%S')}"
