"""A whole run: score before, train, choose epoch and threshold on dev, score test once, write."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.domain import Example, ParamGroupSettings, Prediction, Source, WordSplitter
from encswap.evaluate.dictionary import cross_fold, predict_by_dictionary
from encswap.evaluate.documents import cut_windows, score_documents
from encswap.evaluate.summary import judge_targets, summarise
from encswap.evaluate.thresholds import best, score_at, sweep
from encswap.plugins import Plugins
from encswap.recipe import Recipe, dump_recipe
from encswap.swap.gliner import overlap_policy as policy_of
from encswap.swap.gliner import put_on_device, read_model
from encswap.train.dataset import Samples, build_samples
from encswap.train.folder import RunFolder
from encswap.train.groups import refuse_bad_cover
from encswap.train.prepare import Documents, Ready
from encswap.train.progress import Progress, Watcher
from encswap.train.record import manifest_of, prediction_lines

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Job:
    """One run: what to do, on what, where to, and who watches."""

    recipe: Recipe
    documents: Documents
    ready: Ready
    plugins: Plugins
    folder: RunFolder
    watcher: Watcher
    control: Source | None = None


def run(job: Job) -> dict[str, Any]:
    """Train and score; everything is written into the run folder; returns the metrics.

    A folder that was left by an interrupted run goes on from its last whole epoch.
    """
    begin(job)
    baselines = _baselines(job)
    progress, throughput = _train(job)
    job.watcher.stage("score test")
    manifest = manifest_of(
        job.recipe, job.documents, job.ready, job.plugins, threshold=progress.threshold
    )
    job.folder.write_manifest(replace(manifest, remarks=job.folder.remarks()))
    metrics, predictions = _final(job, progress)
    metrics |= {
        "baselines": baselines,
        "epochs": [asdict(epoch) for epoch in progress.epochs],
        "throughput": throughput,
        "targets": judge_targets(job.recipe.targets, metrics["test"]),
    }
    job.folder.write_lines("predictions.jsonl", predictions)
    job.folder.write_metrics(metrics)
    job.folder.drop_state()
    return metrics


def begin(job: Job) -> None:
    """Write down what the run is made of before anything is trained."""
    if not job.folder.has_manifest():
        job.folder.write_text("recipe.yaml", dump_recipe(job.recipe))
        job.folder.write_manifest(manifest_of(job.recipe, job.documents, job.ready, job.plugins))


def _baselines(job: Job) -> dict[str, Any]:
    """Score what the trained model is compared with; once, also when resumed."""

    def measure() -> dict[str, Any]:
        job.watcher.stage("score before training")
        return {
            "dictionary": _dictionary(job),
            "base": _untrained(job, job.ready.base, job.ready.base.processor.word_splitter),
            "before_training": _untrained(job, job.ready.model, job.ready.splitter),
            **_control(job),
        }

    return job.folder.remember("baselines", measure)


def _control(job: Job) -> dict[str, Any]:
    """Score the control with its own word splitter, where there is one."""
    if job.control is None:
        return {}
    job.watcher.stage(f"score {job.control.name} beside")
    model = put_on_device(read_model(job.control.path))
    scored = _untrained(job, model, model.processor.word_splitter)
    return {"control": {**scored, "name": job.control.name}}


def _train(job: Job) -> tuple[Progress, dict[str, Any]]:
    from transformers import set_seed

    from encswap.train.trainer import SwapTrainer

    recipe, model = job.recipe, job.ready.model
    samples = _samples(job)
    settings = ParamGroupSettings(recipe.encoder_lr, recipe.head_lr, recipe.weight_decay)
    groups = job.plugins.build_param_groups(model, settings)
    refuse_bad_cover(model, groups)
    state = job.folder.find_state()
    progress = job.folder.read_progress() if state else Progress()
    job.watcher.stage("train" if state is None else f"go on after epoch {len(progress.epochs)}")
    set_seed(recipe.seed)
    trainer = SwapTrainer(
        model,
        samples,
        groups,
        recipe,
        folder=job.folder.path,
        state=job.folder.state_writer(progress),
        on_epoch=lambda number, loss: _close_epoch(job, progress, number, loss),
        on_step=job.watcher.step,
    )
    if progress.since_best < recipe.patience:
        trainer.train(resume_from_checkpoint=str(state) if state else None)
    seconds = sum(epoch.seconds for epoch in progress.epochs)
    return progress, {
        "examples_per_second": len(samples) * len(progress.epochs) / seconds,
        "peak_memory_bytes": peak_memory(),
    }


def _samples(job: Job) -> Samples:
    documents, ready = job.documents, job.ready
    windows = cut_windows(
        ready.model, documents.train, documents.asked, ready.splitter, job.recipe.max_length
    )
    return build_samples(
        [window.example for window in windows],
        ready.splitter,
        documents.asked.labels,
        documents.asked.descriptions,
        ready.max_width,
    )


def _close_epoch(job: Job, progress: Progress, number: int, loss: float) -> bool:
    """Score dev, keep the best model, and say whether to go on."""
    dev, model = job.documents.dev, job.ready.model
    results = sweep(dev, _score(job, model, dev), job.recipe.thresholds, policy_of(model))
    chosen = best(results)
    improved = progress.close(number, loss, chosen.micro.f1, chosen.threshold)
    if improved:
        job.folder.save_checkpoint(model)
    record = progress.epochs[-1]
    per_label = {label: counts.as_dict() for label, counts in chosen.per_label.items()}
    job.folder.log(**asdict(record), per_label=per_label, best=improved)
    job.watcher.epoch(record, improved)
    return progress.since_best < job.recipe.patience


def _final(job: Job, progress: Progress) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Score dev and test with the best epoch's weights, read back from the run folder."""
    recipe, documents, ready = job.recipe, job.documents, job.ready
    model = put_on_device(read_model(job.folder.checkpoint, splitter=ready.splitter))
    found = {
        part: _score(job, model, examples)
        for part, examples in (("dev", documents.dev), ("test", documents.test))
    }
    dev, test = (
        score_at(examples, found[part], progress.threshold, policy_of(model))
        for part, examples in (("dev", documents.dev), ("test", documents.test))
    )
    labels, width = documents.asked.labels, ready.max_width
    metrics = {
        "protocol": recipe.protocol,
        "strategy": recipe.strategy,
        "threshold": progress.threshold,
        "coverage": ready.coverage.share(width) if width else ready.coverage.aligned_share,
        "overlap_policy": policy_of(model),
        "dev": summarise(dev, documents.dev, labels, recipe.seed),
        "test": summarise(test, documents.test, labels, recipe.seed),
    }
    return metrics, prediction_lines(documents.test, test, found["test"], ready)


def _score(
    job: Job,
    model: PreTrainedModel,
    examples: Sequence[Example],
    splitter: WordSplitter | None = None,
) -> list[list[Prediction]]:
    return score_documents(
        model,
        examples,
        job.documents.asked,
        splitter or job.ready.splitter,
        max_length=job.recipe.max_length,
    )


def _untrained(job: Job, model: PreTrainedModel, splitter: WordSplitter) -> dict[str, Any]:
    """Score a model as it is: threshold chosen on dev, test scored at it."""
    dev, test = job.documents.dev, job.documents.test
    policy = policy_of(model)
    results = sweep(dev, _score(job, model, dev, splitter), job.recipe.thresholds, policy)
    found = _score(job, model, test, splitter)
    scored = score_at(test, found, best(results).threshold, policy)
    return summarise(scored, test, job.documents.asked.labels, job.recipe.seed)


def _dictionary(job: Job) -> dict[str, Any]:
    documents = job.documents
    own_dev = documents.dev if job.recipe.protocol == "dev" else ()
    known = [*documents.train, *own_dev]
    found = predict_by_dictionary(known, documents.test)
    scored = score_at(documents.test, found, 0.5, None)
    summary = summarise(scored, documents.test, documents.asked.labels, job.recipe.seed)
    return {**summary, "cross_fold": cross_fold(known).as_dict()}


def peak_memory() -> int:
    """Peak bytes of GPU memory, or of the process where there is no GPU."""
    import resource

    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def default_folder(encoder: str, root: Path = Path("runs")) -> Path:
    """A new run folder's name: the encoder and the time."""
    safe = "".join(char if char.isalnum() or char in "-_." else "-" for char in encoder)
    return root / f"{safe.strip('.-') or 'run'}-{time.strftime('%Y%m%d-%H%M%S')}"
