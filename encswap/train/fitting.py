"""Training a run's model: its groups, its Trainer, and what happens at each epoch's end."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from encswap.data.units import units_of
from encswap.domain import ParamGroupSettings
from encswap.evaluate.documents import cut_windows
from encswap.evaluate.thresholds import best, sweep
from encswap.recipe import Recipe
from encswap.swap.gliner import overlap_policy
from encswap.swap.rows import grow, shrink
from encswap.swap.subtokens import used_ids
from encswap.train.arguments import precision_remark
from encswap.train.dataset import Samples, build_samples
from encswap.train.groups import refuse_bad_cover
from encswap.train.job import Job
from encswap.train.memory import peak_memory, told_of_memory
from encswap.train.progress import Progress

if TYPE_CHECKING:
    from encswap.train.trainer import SwapTrainer


def group_settings(recipe: Recipe) -> ParamGroupSettings:
    """What the recipe says of the optimizer's groups."""
    return ParamGroupSettings(
        recipe.encoder_lr, recipe.head_lr, recipe.weight_decay, recipe.layer_decay
    )


def fit(job: Job) -> tuple[Progress, dict[str, Any]]:
    """Train, or go on from the last whole epoch; returns the epochs and the throughput."""
    from transformers import set_seed

    from encswap.train.trainer import SwapTrainer

    recipe, model = job.recipe, job.ready.model
    samples = _samples(job)
    if recipe.embedding_rows == "used" and not _sharded():
        shrink(model, _used(job, samples))
    groups = job.plugins.build_param_groups(model, group_settings(recipe))
    refuse_bad_cover(model, groups)
    state = job.folder.find_state()
    progress = job.folder.read_progress() if state else Progress()
    for fault in job.folder.faults:
        job.watcher.stage(fault)
    job.folder.cut_log(progress.epochs)
    job.watcher.stage(_stage(recipe, len(progress.epochs)))
    set_seed(recipe.seed)
    trainer = SwapTrainer(
        model,
        samples,
        groups,
        recipe,
        folder=job.folder.path,
        state=job.folder.state_writer(progress),
        on_epoch=lambda number, loss: _close_epoch(job, progress, trainer, number, loss),
        on_step=job.watcher.step,
    )
    if (reason := _stop_reason(job, progress)) is not None:
        job.folder.log(stopped=reason)
    else:
        with told_of_memory(recipe, model):
            trainer.train(resume_from_checkpoint=str(state) if state else None)
    grow(model)
    seconds = sum(epoch.seconds for epoch in progress.epochs)
    return progress, {
        "examples_per_second": len(samples) * len(progress.epochs) / seconds,
        "peak_memory_bytes": peak_memory(),
    }


def _stage(recipe: Recipe, done: int) -> str:
    """Say what begins, and on what, where that may surprise."""
    import torch

    said = f"go on after epoch {done}" if done else "train"
    if recipe.scale == "full" and not torch.cuda.is_available():
        said += " on the CPU: torch sees no GPU"
    if remark := precision_remark(recipe):
        said += f" ({remark})"
    return said


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


def _used(job: Job, samples: Samples) -> set[int]:
    """The ids of the pieces that training meets."""
    splitter, asked = job.ready.splitter, job.documents.asked
    units = {
        text[start:end] for text, _ in samples.items for start, end in units_of(splitter, text)
    }
    return used_ids(job.ready.model, units, asked.labels, asked.descriptions)


def _sharded() -> bool:
    """Tell whether accelerate shards the weights, so that a table cannot be changed."""
    import os

    names = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED")
    return any(os.environ.get(name, "false").lower() in ("true", "1") for name in names)


def _close_epoch(
    job: Job, progress: Progress, trainer: SwapTrainer, number: int, loss: float
) -> bool:
    """Score dev, keep the best model, and say whether to go on."""
    dev, model = job.documents.dev, job.ready.model
    policy = overlap_policy(model, job.recipe.overlap_policy)
    results = sweep(dev, job.score(model, dev), job.recipe.thresholds, policy)
    chosen = best(results)
    improved = progress.close(number, loss, chosen.micro.f1, chosen.threshold)
    if improved:
        job.folder.save_checkpoint(model)
    record = progress.epochs[-1]
    per_label = {label: counts.as_dict() for label, counts in chosen.per_label.items()}
    job.folder.log(**asdict(record), per_label=per_label, best=improved)
    trainer.log({"train_loss": loss, "dev_f1": record.dev_f1, "threshold": record.threshold})
    job.watcher.epoch(record, improved)
    reason = _stop_reason(job, progress)
    if reason is not None:
        job.watcher.stopped(reason)
        job.folder.log(stopped=reason)
    return reason is None


def _stop_reason(job: Job, progress: Progress) -> str | None:
    return progress.stop_reason(job.recipe.patience, job.recipe.overfit_patience)
