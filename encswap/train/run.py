"""A whole run: score before, train, choose epoch and threshold on dev, score test once, write."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from encswap import __version__
from encswap.domain import Example, ParamGroupSettings, Prediction
from encswap.evaluate.dictionary import predict_by_dictionary
from encswap.evaluate.documents import cut_windows, score_documents
from encswap.evaluate.summary import judge_targets, summarise
from encswap.evaluate.thresholds import Scored, best, score_at, sweep
from encswap.manifest import Manifest, ModelRecord, describe_splitter, versions_of
from encswap.plugins import Plugins
from encswap.recipe import Recipe, dump_recipe
from encswap.swap import gliner
from encswap.train.dataset import build_samples
from encswap.train.folder import RunFolder
from encswap.train.groups import refuse_bad_cover
from encswap.train.prepare import Documents, Ready

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


def run(
    recipe: Recipe,
    documents: Documents,
    ready: Ready,
    plugins: Plugins,
    folder: RunFolder,
    watcher: Watcher,
) -> dict[str, Any]:
    """Train and score; everything is written into the run folder; returns the metrics."""
    folder.write_text("recipe.yaml", dump_recipe(recipe))
    watcher.stage("score before training")
    baselines = {
        "dictionary": _dictionary(documents, recipe),
        "base": _untrained(ready.base, None, documents, recipe),
        "before_training": _untrained(ready.model, ready, documents, recipe),
    }
    watcher.stage("train")
    progress, throughput = _train(recipe, documents, ready, plugins, folder, watcher)
    watcher.stage("score test")
    manifest = _manifest(recipe, documents, ready, plugins, progress.threshold)
    folder.write_manifest(manifest)
    metrics, predictions = _final(recipe, documents, ready, folder, progress)
    metrics |= {
        "baselines": baselines,
        "epochs": [asdict(epoch) for epoch in progress.epochs],
        "throughput": throughput,
        "targets": judge_targets(recipe.targets, metrics["test"]),
    }
    folder.write_lines("predictions.jsonl", predictions)
    folder.write_metrics(metrics)
    return metrics


def _train(
    recipe: Recipe,
    documents: Documents,
    ready: Ready,
    plugins: Plugins,
    folder: RunFolder,
    watcher: Watcher,
) -> tuple[_Progress, dict[str, Any]]:
    from transformers import set_seed

    from encswap.train.trainer import SwapTrainer

    windows = cut_windows(
        ready.model, documents.train, documents.asked, ready.splitter, recipe.max_length
    )
    samples = build_samples(
        [window.example for window in windows],
        ready.splitter,
        documents.asked.labels,
        documents.asked.descriptions,
        ready.max_width,
    )
    settings = ParamGroupSettings(recipe.encoder_lr, recipe.head_lr, recipe.weight_decay)
    groups = plugins.build_param_groups(ready.model, settings)
    refuse_bad_cover(ready.model, groups)
    progress = _Progress()

    def on_epoch(number: int, loss: float) -> bool:
        return _close_epoch(number, loss, recipe, documents, ready, folder, watcher, progress)

    set_seed(recipe.seed)
    trainer = SwapTrainer(
        ready.model, samples, groups, recipe, folder.path, on_epoch=on_epoch, on_step=watcher.step
    )
    trainer.train()
    seconds = sum(epoch.seconds for epoch in progress.epochs)
    return progress, {
        "examples_per_second": len(samples) * len(progress.epochs) / seconds,
        "peak_memory_bytes": peak_memory(),
    }


def _close_epoch(
    number: int,
    loss: float,
    recipe: Recipe,
    documents: Documents,
    ready: Ready,
    folder: RunFolder,
    watcher: Watcher,
    progress: _Progress,
) -> bool:
    """Score dev, keep the best model, and say whether to go on."""
    candidates = _score(ready, documents.dev, documents, recipe)
    policy = gliner.overlap_policy(ready.model)
    chosen = best(sweep(documents.dev, candidates, recipe.thresholds, policy))
    now = time.monotonic()
    record = Epoch(number, loss, chosen.micro.f1, chosen.threshold, now - progress.began)
    progress.began = now
    progress.epochs.append(record)
    improved = record.dev_f1 > progress.best_f1
    progress.since_best = 0 if improved else progress.since_best + 1
    if improved:
        progress.best_f1, progress.threshold = record.dev_f1, record.threshold
        folder.save_checkpoint(ready.model)
    folder.log(**asdict(record), per_label=_label_scores(chosen), best=improved)
    watcher.epoch(record, improved)
    return progress.since_best < recipe.patience


def _label_scores(scored: Scored) -> dict[str, Any]:
    return {label: counts.as_dict() for label, counts in scored.per_label.items()}


def _final(
    recipe: Recipe, documents: Documents, ready: Ready, folder: RunFolder, progress: _Progress
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Score dev and test with the best epoch's weights, read back from the run folder."""
    model = gliner.read_model(folder.checkpoint, splitter=ready.splitter)
    ready = replace(ready, model=gliner.put_on_device(model))
    policy = gliner.overlap_policy(model)
    scored: dict[str, Scored] = {}
    found: dict[str, Sequence[Sequence[Prediction]]] = {}
    for part, examples in (("dev", documents.dev), ("test", documents.test)):
        found[part] = _score(ready, examples, documents, recipe)
        scored[part] = score_at(examples, found[part], progress.threshold, policy)
    labels = documents.asked.labels
    width = ready.max_width
    metrics = {
        "protocol": recipe.protocol,
        "strategy": recipe.strategy,
        "threshold": progress.threshold,
        "coverage": ready.coverage.share(width) if width else ready.coverage.aligned_share,
        "dev": summarise(scored["dev"], documents.dev, labels, recipe.seed),
        "test": summarise(scored["test"], documents.test, labels, recipe.seed),
    }
    return metrics, prediction_lines(documents.test, scored["test"], found["test"])


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
    ready: Ready, examples: Sequence[Example], documents: Documents, recipe: Recipe
) -> list[list[Prediction]]:
    return score_documents(
        ready.model, examples, documents.asked, ready.splitter, max_length=recipe.max_length
    )


def _untrained(
    model: Any, ready: Ready | None, documents: Documents, recipe: Recipe
) -> dict[str, Any]:
    """Score a model as it is: threshold chosen on dev, test scored at it."""
    splitter = ready.splitter if ready else model.processor.word_splitter
    policy = gliner.overlap_policy(model)

    def candidates(examples: Sequence[Example]) -> list[list[Prediction]]:
        return score_documents(
            model, examples, documents.asked, splitter, max_length=recipe.max_length
        )

    dev = sweep(documents.dev, candidates(documents.dev), recipe.thresholds, policy)
    threshold = best(dev).threshold
    test = score_at(documents.test, candidates(documents.test), threshold, policy)
    return summarise(test, documents.test, documents.asked.labels, recipe.seed)


def _dictionary(documents: Documents, recipe: Recipe) -> dict[str, Any]:
    own_dev = documents.dev if recipe.protocol == "dev" else ()
    found = predict_by_dictionary([*documents.train, *own_dev], documents.test)
    scored = score_at(documents.test, found, 0.5, None)
    return summarise(scored, documents.test, documents.asked.labels, recipe.seed)


def _manifest(
    recipe: Recipe, documents: Documents, ready: Ready, plugins: Plugins, threshold: float
) -> Manifest:
    base, encoder = ready.base_source, ready.encoder_source
    return Manifest(
        encswap=__version__,
        base=ModelRecord(base.name, base.identifier, base.revision),
        encoder=ModelRecord(encoder.name, encoder.identifier, encoder.revision),
        splitter=describe_splitter(ready.splitter_name, ready.splitter, {}),
        max_width=ready.max_width,
        threshold=threshold,
        embeddings=recipe.embeddings,
        origins=dict(ready.origins),
        labels=documents.asked.labels,
        descriptions=dict(documents.asked.descriptions),
        versions=versions_of(PACKAGES),
        plugins=plugin_versions(plugins),
        data=dict(documents.checksums),
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
