"""Training a run's model: its groups, its Trainer, and what happens at each epoch's end."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from encswap.check.memory import RUNTIME_BYTES, Memory, training_memory
from encswap.data.tasks import KINDS, Kind, prompt_of
from encswap.data.units import units_of
from encswap.errors import TrainingError
from encswap.evaluate.score import cut_windows, score_documents
from encswap.evaluate.task_answers import answer
from encswap.evaluate.task_scores import headline, score_tasks
from encswap.evaluate.thresholds import Scored, best, sweep
from encswap.gliner.batches import used_ids
from encswap.gliner.model import overlap_policy
from encswap.gliner.schema import EntitySchema
from encswap.plugins import Plugins
from encswap.recipe import Recipe
from encswap.train.cost import updates_of
from encswap.train.groups import refuse_bad_cover
from encswap.train.prepare import Documents, Ready
from encswap.train.progress import Progress
from encswap.train.run_folder import RunFolder
from encswap.train.samples import Samples, build_samples
from encswap.train.self_distillation import Teacher, make_teacher, question_ids
from encswap.train.trainer import precision_remark
from encswap.train.used_rows import grow, shrink
from encswap.types import (
    Example,
    ParamGroupSettings,
    Prediction,
    Source,
    Watcher,
    WordSplitter,
    descriptions_of,
    labels_of,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from encswap.train.trainer import SwapTrainer


Compete = Callable[["Job", dict[str, Any]], dict[str, Any]]
"""Trains and scores the rivals that a recipe names, given the run and its metrics so far."""


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
    compete: Compete | None = None
    callbacks: Sequence[Any] = ()

    def score(
        self,
        model: PreTrainedModel,
        examples: Sequence[Example],
        splitter: WordSplitter | None = None,
    ) -> list[list[Prediction]]:
        """Score documents with a model: candidates of each."""
        return score_documents(
            model,
            examples,
            self.documents.asked,
            splitter or self.ready.splitter,
            max_length=self.recipe.max_length,
        )

    def score_tasks(
        self,
        model: PreTrainedModel,
        examples: Sequence[Example],
        threshold: float,
        splitter: WordSplitter | None = None,
        kinds: Sequence[Kind] = KINDS,
    ) -> dict[str, Any]:
        """Score the tasks beside entities; empty where the documents have none."""
        schema = self.documents.schema
        if not schema:
            return {}
        answers = answer(
            model,
            examples,
            schema,
            splitter or self.ready.splitter,
            max_length=self.recipe.max_length,
            threshold=threshold,
            kinds=kinds,
        )
        return score_tasks(examples, answers, schema, self.recipe.seed)


@contextmanager
def explain_memory_errors(recipe: Recipe, model: PreTrainedModel) -> Iterator[None]:
    """Turn the device's running out of memory into one line that names what would fit."""
    import torch

    try:
        yield
    except (RuntimeError, MemoryError) as error:
        full = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not full and "can't allocate memory" not in str(error):
            raise
        batch, length = recipe.batch_size, recipe.max_length
        count = sum(one.numel() for one in model.parameters())
        config = model.encoder.config.to_dict()
        fits = fitting_batch(
            count, config, batch, length, device_memory(), distill_from=teacher_source(recipe)
        )
        smaller = (
            f"by the estimate batch_size {fits} fits: train anew with --set batch_size={fits} "
            f"--set gradient_accumulation={recipe.gradient_accumulation * batch // fits}"
            if fits
            else "by the estimate no batch fits: take a smaller encoder or max_length"
        )
        raise TrainingError(
            f"out of memory at batch_size {batch} and {length} subtokens",
            hint=f"{smaller}; --set gradient_checkpointing=true also saves memory",
        ) from error


def estimate_memory(
    count: int, config: Mapping[str, Any], batch: int, length: int, *, distill_from: str = ""
) -> Memory:
    """Estimate what training `count` parameters takes on documents of `length` subtokens.

    With a teacher (`distill_from`) a step has as many texts again; a copy of the start takes the
    weights once more, and the base is in memory in any case.
    """
    import torch

    half = torch.cuda.is_available()
    texts = 2 * batch if distill_from else batch
    found = training_memory(count, config, batch=texts, length=length, half=half)
    return replace(found, teacher=found.weights) if distill_from == "start" else found


def teacher_source(recipe: Recipe) -> str:
    """Where the teacher comes from; empty where there is none."""
    return recipe.distill_from if recipe.distill_start else ""


def fitting_batch(
    count: int,
    config: Mapping[str, Any],
    batch: int,
    length: int,
    room: float,
    *,
    distill_from: str = "",
) -> int:
    """The largest batch below `batch` whose estimated memory in bytes has room; 0 where none."""
    for smaller in range(batch - 1, 0, -1):
        need = estimate_memory(count, config, smaller, length, distill_from=distill_from)
        if need.total + RUNTIME_BYTES <= room:
            return smaller
    return 0


def device_memory() -> float:
    """Bytes that the device has: the GPU's, else the machine's."""
    import torch

    if torch.cuda.is_available():
        return float(torch.cuda.get_device_properties(0).total_memory)
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


_CLEAR = "/proc/self/clear_refs"


def reset_peak_memory() -> bool:
    """Begin to count the peak anew; False where neither a GPU nor the system can."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return True
    try:  # "5" resets the peak resident set size: proc(5)
        descriptor = os.open(_CLEAR, os.O_WRONLY)
    except OSError:
        return False
    try:
        return os.write(descriptor, b"5") == 1
    except OSError:
        return False
    finally:
        os.close(descriptor)


def peak_memory() -> int:
    """Peak bytes of GPU memory, or of the process where there is no GPU."""
    import resource

    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


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
    samples = training_samples(recipe, job.documents, job.ready)
    shrink_table(recipe, job.documents, job.ready, samples)
    groups = job.plugins.build_param_groups(model, group_settings(recipe))
    refuse_bad_cover(model, groups)
    teacher = teacher_of(recipe, job.documents, job.ready)
    state = job.folder.find_state()
    progress = job.folder.read_progress() if state else Progress()
    for fault in job.folder.faults:
        job.watcher.stage(fault)
    job.folder.cut_log(progress.epochs)
    updates = updates_of(recipe, len(samples))
    job.watcher.stage(_stage(recipe, len(progress.epochs), updates))
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
        teacher=teacher,
        callbacks=job.callbacks,
    )
    if (reason := _stop_reason(job, progress)) is not None:
        job.folder.log(stopped=reason)
    else:
        with explain_memory_errors(recipe, model):
            trainer.train(resume_from_checkpoint=str(state) if state else None)
    grow(model)
    seconds = sum(epoch.seconds for epoch in progress.epochs)
    return progress, {
        "examples_per_second": len(samples) * len(progress.epochs) / seconds,
        "peak_memory_bytes": peak_memory(),
        "steps": trainer.state.global_step or None,
        "training_seconds": seconds,
        "updates": updates_of(recipe, len(samples)) * recipe.epochs,
    }


def _stage(recipe: Recipe, done: int, updates: int = 0) -> str:
    """Say what begins, and on what, where that may surprise."""
    import torch

    stage = f"go on after epoch {done}" if done else "train"
    if updates:
        stage += f", {recipe.epochs} epochs of {updates} steps"
    if recipe.scale == "full" and not torch.cuda.is_available():
        stage += " on the CPU: torch sees no GPU"
    if remark := precision_remark(recipe):
        stage += f" ({remark})"
    return stage


def teacher_of(recipe: Recipe, documents: Documents, ready: Ready) -> Teacher | None:
    """The teacher of self-distillation, frozen as the model is before its first step."""
    if documents.questions is None:
        return None
    return make_teacher(recipe, ready.model, ready.base, documents.questions, ready.splitter)


def training_samples(recipe: Recipe, documents: Documents, ready: Ready) -> Samples:
    """Cut the training documents into windows and make samples of them."""
    windows = cut_windows(
        ready.model, documents.train, documents.asked, ready.splitter, recipe.max_length
    )
    own = build_samples(
        [window.example for window in windows],
        ready.splitter,
        documents.asked.labels,
        documents.asked.descriptions,
        ready.max_width,
    )
    return own + _replayed(recipe, documents, ready, len(own)) if documents.replay else own


def _replayed(recipe: Recipe, documents: Documents, ready: Ready, own: int) -> Samples:
    """Draw samples of other labels and tasks, so that they are the recipe's share of all."""
    asked = EntitySchema.of(labels_of(documents.replay), descriptions_of(documents.replay))
    windows = cut_windows(ready.model, documents.replay, asked, ready.splitter, recipe.max_length)
    texts = asked.descriptions if recipe.descriptions else {}
    found = build_samples(
        [window.example for window in windows],
        ready.splitter,
        asked.labels,
        texts,
        ready.max_width,
    )
    wanted = round(own * recipe.replay_share / (1 - recipe.replay_share))
    drawn = random.Random(recipe.seed)
    places: list[int] = []
    while found.items and len(places) < wanted:
        places += drawn.sample(range(len(found)), min(len(found), wanted - len(places)))
    return Samples(
        tuple(found.items[place] for place in places),
        tuple(found.lengths[place] for place in places),
    )


def shrink_table(recipe: Recipe, documents: Documents, ready: Ready, samples: Samples) -> None:
    """Leave of the embedding table what the samples use, in place, where the recipe says so."""
    if recipe.embedding_rows != "used" or _sharded():
        return
    units = {
        text[start:end]
        for text, _ in samples.items
        for start, end in units_of(ready.splitter, text)
    }
    tasks = (prompt_of(schema) for _, schema in samples.items)
    tasks = (one for one in tasks if any(one.get(kind) for kind in KINDS))
    asked = documents.asked
    labels = {label for _, schema in samples.items for label in schema.get("entities", ())}
    named = [*asked.labels, *sorted(labels - set(asked.labels))]
    used = used_ids(ready.model, units, named, asked.descriptions, tasks)
    if documents.questions is not None:
        used |= question_ids(ready.model, documents.questions, ready.splitter)
    shrink(ready.model, used)


def _sharded() -> bool:
    """Tell whether accelerate shards the weights, so that a table cannot be changed."""
    names = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED")
    return any(os.environ.get(name, "false").lower() in ("true", "1") for name in names)


def _close_epoch(
    job: Job, progress: Progress, trainer: SwapTrainer, number: int, loss: float
) -> bool:
    """Score dev, keep the best model, and say whether to go on."""
    model = job.ready.model
    began = time.monotonic()
    chosen, score, threshold = score_dev(job, model)
    scored = time.monotonic()
    improved = progress.close(number, loss, score, threshold)
    if improved:
        job.folder.save_checkpoint(model)
    spent = {"scoring_seconds": scored - began, "saving_seconds": time.monotonic() - scored}
    record = progress.epochs[-1]
    per_label = {label: counts.as_dict() for label, counts in chosen.per_label.items()}
    job.folder.log(**asdict(record), per_label=per_label, best=improved, **spent)
    trainer.log({"train_loss": loss, "dev_f1": record.dev_f1, "threshold": record.threshold})
    job.watcher.epoch(record, improved)
    reason = _stop_reason(job, progress)
    if reason is not None:
        job.watcher.stopped(reason)
        job.folder.log(stopped=reason)
    return reason is None


DEFAULT_THRESHOLD = 0.5
"""gliner2's own, where no entities choose one."""


def score_dev(job: Job, model: PreTrainedModel) -> tuple[Scored, float, float]:
    """Score dev at the best threshold: the entities, what `select_by` names, and the threshold."""
    dev = job.documents.dev
    policy = overlap_policy(model, job.recipe.overlap_policy)
    chosen = best(sweep(dev, job.score(model, dev), job.recipe.thresholds, policy))
    threshold = chosen.threshold if job.documents.asked.labels else DEFAULT_THRESHOLD
    return chosen, _dev_score(job, model, chosen.micro.f1, threshold), threshold


def _dev_score(job: Job, model: PreTrainedModel, entities: float, threshold: float) -> float:
    """The dev score that `select_by` names; other tasks are asked only where it does."""
    held = job.documents.selects_by
    wanted = {"auto": held[:1], "mean": held}.get(job.recipe.select_by, (job.recipe.select_by,))
    kinds = [kind for kind in KINDS if kind.removeprefix("json_") in wanted]
    scores = job.score_tasks(model, job.documents.dev, threshold, kinds=kinds) if kinds else {}
    found = [entities if one == "entities" else headline(scores, one) or 0.0 for one in wanted]
    return sum(found) / len(found) if found else entities


def _stop_reason(job: Job, progress: Progress) -> str | None:
    return progress.stop_reason(job.recipe.patience, job.recipe.overfit_patience)
