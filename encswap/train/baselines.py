"""What the trained model is compared with: a dictionary, the base, the model before training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encswap.domain import WordSplitter
from encswap.evaluate.dictionary import cross_fold, predict_by_dictionary
from encswap.evaluate.summary import summarise
from encswap.evaluate.thresholds import best, score_at, sweep
from encswap.swap.gliner import overlap_policy, put_on_device, read_model
from encswap.train.job import Job

if TYPE_CHECKING:
    from transformers import PreTrainedModel


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

    return job.folder.remember("baselines", measure)


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
    dev, test = job.documents.dev, job.documents.test
    policy = overlap_policy(model, job.recipe.overlap_policy)
    results = sweep(dev, job.score(model, dev, splitter), job.recipe.thresholds, policy)
    found = job.score(model, test, splitter)
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
