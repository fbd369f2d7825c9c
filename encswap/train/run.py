"""A whole run: score before, train, choose epoch and threshold on dev, score test once, write."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from encswap import __version__
from encswap.domain import Example, ParamGroupSettings, Prediction, WordSplitter
from encswap.evaluate.dictionary import predict_by_dictionary
from encswap.evaluate.documents import cut_windows, score_documents
from encswap.evaluate.summary import judge_targets, summarise
from encswap.evaluate.thresholds import Scored, best, score_at, sweep
from encswap.manifest import Manifest, ModelRecord, describe_splitter, versions_of
from encswap.plugins import Plugins
from encswap.recipe import Recipe, dump_recipe
from encswap.swap.gliner import overlap_policy as policy_of
from encswap.swap.gliner import put_on_device, read_model
from encswap.train.dataset import Samples, build_samples
from encswap.train.folder import RunFolder
from encswap.train.groups import refuse_bad_cover
from encswap.train.prepare import Documents, Ready

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PACKAGES = ("encswap", "gliner2", "torch", "transformers", "tokenizers")


@dataclass(frozen=True)
class Epoch:
    """One epoch's line in `metrics.json`; `seconds` spans training and scoring."""

    epoch: int
    train_loss: float
    dev_f1: float
    threshold: float
    seconds: float


class Watcher(Protocol):
    """Who is told how a run goes on; the command line draws it."""

    def stage(self, name: str) -> None:
        """A new stage begins."""

    def step(self, done: int, total: int, loss: float) -> None:
        """One optimizer step is done."""

    def epoch(self, record: Epoch, improved: bool) -> None:
        """One epoch is trained and scored."""


@dataclass
class _Progress:
    """What is known while training goes on."""

    epochs: list[Epoch] = field(default_factory=list)
    best_f1: float = -1.0
    threshold: float = 0.5
    since_best: int = 0
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Job:
    """One run: what to do, on what, where to, and who watches."""

    recipe: Recipe
    documents: Documents
    ready: Ready
    plugins: Plugins
    folder: RunFolder
    watcher: Watcher


def run(job: Job) -> dict[str, Any]:
    """Train and score; everything is written into the run folder; returns the metrics."""
    job.folder.write_text("recipe.yaml", dump_recipe(job.recipe))
    job.watcher.stage("score before training")
    baselines = {
        "dictionary": _dictionary(job),
        "base": _untrained(job, job.ready.base, job.ready.base.processor.word_splitter),
        "before_training": _untrained(job, job.ready.model, job.ready.splitter),
    }
    job.watcher.stage("train")
    progress, throughput = _train(job)
    job.watcher.stage("score test")
    job.folder.write_manifest(_manifest(job, progress.threshold))
    metrics, predictions = _final(job, progress)
    metrics |= {
        "baselines": baselines,
        "epochs": [asdict(epoch) for epoch in progress.epochs],
        "throughput": throughput,
        "targets": judge_targets(job.recipe.targets, metrics["test"]),
    }
    job.folder.write_lines("predictions.jsonl", predictions)
    job.folder.write_metrics(metrics)
    return metrics


def _train(job: Job) -> tuple[_Progress, dict[str, Any]]:
    from transformers import set_seed

    from encswap.train.trainer import SwapTrainer

    recipe, model = job.recipe, job.ready.model
    samples = _samples(job)
    settings = ParamGroupSettings(recipe.encoder_lr, recipe.head_lr, recipe.weight_decay)
    groups = job.plugins.build_param_groups(model, settings)
    refuse_bad_cover(model, groups)
    progress = _Progress()
    set_seed(recipe.seed)
    trainer = SwapTrainer(
        model,
        samples,
        groups,
        recipe,
        job.folder.path,
        on_epoch=lambda number, loss: _close_epoch(job, progress, number, loss),
        on_step=job.watcher.step,
    )
    trainer.train()
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


def _close_epoch(job: Job, progress: _Progress, number: int, loss: float) -> bool:
    """Score dev, keep the best model, and say whether to go on."""
    dev, model = job.documents.dev, job.ready.model
    results = sweep(dev, _score(job, model, dev), job.recipe.thresholds, policy_of(model))
    chosen = best(results)
    now = time.monotonic()
    record = Epoch(number, loss, chosen.micro.f1, chosen.threshold, now - progress.began)
    progress.began = now
    progress.epochs.append(record)
    improved = record.dev_f1 > progress.best_f1
    progress.since_best = 0 if improved else progress.since_best + 1
    if improved:
        progress.best_f1, progress.threshold = record.dev_f1, record.threshold
        job.folder.save_checkpoint(model)
    per_label = {label: counts.as_dict() for label, counts in chosen.per_label.items()}
    job.folder.log(**asdict(record), per_label=per_label, best=improved)
    job.watcher.epoch(record, improved)
    return progress.since_best < job.recipe.patience


def _final(job: Job, progress: _Progress) -> tuple[dict[str, Any], list[dict[str, Any]]]:
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
        "dev": summarise(dev, documents.dev, labels, recipe.seed),
        "test": summarise(test, documents.test, labels, recipe.seed),
    }
    return metrics, prediction_lines(documents.test, test, found["test"])


def prediction_lines(
    examples: Sequence[Example], scored: Scored, candidates: Sequence[Sequence[Prediction]]
) -> list[dict[str, Any]]:
    """One record per document: its gold, what was predicted, and every scored candidate."""
    return [
        {
            "id": example.id,
            "text": example.text,
            "gold": [asdict(mention) for mention in example.mentions],
            "unlocated": [asdict(gold) for gold in example.unlocated],
            "predictions": [asdict(one) for one in predictions],
            "candidates": [asdict(one) for one in found],
        }
        for example, predictions, found in zip(
            examples, scored.predictions, candidates, strict=True
        )
    ]


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
    found = predict_by_dictionary([*documents.train, *own_dev], documents.test)
    scored = score_at(documents.test, found, 0.5, None)
    return summarise(scored, documents.test, documents.asked.labels, job.recipe.seed)


def _manifest(job: Job, threshold: float) -> Manifest:
    ready, recipe = job.ready, job.recipe
    return Manifest(
        encswap=__version__,
        base=ModelRecord.of(ready.base_source),
        encoder=ModelRecord.of(ready.encoder_source),
        splitter=describe_splitter(ready.splitter_name, ready.splitter, {}),
        max_width=ready.max_width,
        threshold=threshold,
        embeddings=recipe.embeddings,
        origins=dict(ready.origins),
        labels=job.documents.asked.labels,
        descriptions=dict(job.documents.asked.descriptions),
        versions=versions_of(PACKAGES),
        plugins=plugin_versions(job.plugins),
        data=dict(job.documents.checksums),
        recipe=json.loads(recipe.model_dump_json()),
        remarks=_remarks(recipe),
    )


def plugin_versions(plugins: Plugins) -> dict[str, str]:
    """The installed plugins with their versions, those left out that failed."""
    return {
        record.name: f"{record.distribution} {record.version}"
        for record in plugins.records.values()
        if record.distribution and record.error is None
    }


def _remarks(recipe: Recipe) -> tuple[str, ...]:
    if recipe.protocol == "plan":
        return ("epoch and threshold were chosen on the test documents, as the plan does",)
    return ()


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
