"""Retention: what a model could do before and still can, on labels and tasks it did not train on.

The shipped set was written for this project, in Korean and in English: fourteen labels that the
medical sets do not have, classifications, relations and structures. Every model is asked zero-shot,
at gliner2's own threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.data.tasks import KINDS, schema_of
from encswap.data.units import CachedSplitter
from encswap.errors import EncswapError, SwapError
from encswap.evaluate.intervals import compare
from encswap.evaluate.metrics import Counts, micro
from encswap.evaluate.predict import NamedModel, Saved, Say
from encswap.evaluate.score import score_documents
from encswap.evaluate.summary import summarise
from encswap.evaluate.task_answers import answer
from encswap.evaluate.task_scores import headline, score_tasks
from encswap.evaluate.thresholds import score_at
from encswap.gliner.extraction import missing_head
from encswap.gliner.model import overlap_policy, put_on_device, read_model
from encswap.gliner.schema import EntitySchema
from encswap.manifest import Manifest, ModelRecord
from encswap.models import BuildMini, resolve, spec_of
from encswap.plugins import Plugins
from encswap.recipe import Recipe
from encswap.swap.assemble import keep_encoder, swap_encoder
from encswap.types import Example, WordSplitter, descriptions_of, labels_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SHIPPED: Mapping[str, str] = {"ko": "retention/ko.jsonl", "en": "retention/en.jsonl"}
THRESHOLD = 0.5
"""gliner2's default: what a label scores that nobody chose a threshold for."""
STAGES = ("base", "swapped", "tuned")
TASKS = ("entities", "classifications", "relations", "structures")


@dataclass(frozen=True)
class Asked:
    """A model to be asked, with its words and the subtokens that it reads at once."""

    model: PreTrainedModel
    splitter: WordSplitter
    max_length: int


def read_sets(files: Sequence[str] = ()) -> dict[str, list[Example]]:
    """Read the shipped set by language, and files by their names; raises `InputError`."""
    named = {**SHIPPED, **{str(name): str(name) for name in files}}
    return {name: read_examples(find_data(path)) for name, path in named.items()}


Measured = dict[str, Any]
"""By set its `documents`, a model's `scores`, and each document's counts of `entities`."""


def measure_retention(
    asked: Asked, sets: Mapping[str, Sequence[Example]], *, seed: int, policy: str = "auto"
) -> Measured:
    """Score a model on each set, at gliner2's own threshold; what comes back is plain JSON."""
    return {name: _measure(asked, examples, seed, policy) for name, examples in sets.items()}


def compare_retention(models: Mapping[str, Measured], *, seed: int) -> dict[str, Any]:
    """Put the models' scores together, and say how far the last one is from the first.

    `models` are `base`, `swapped` and `tuned`, those that are at hand, in this order.
    """
    found: dict[str, Any] = {"threshold": THRESHOLD, "sets": {}}
    names = list(models)
    first, last = models[names[0]], models[names[-1]]
    for name, one in first.items():
        found["sets"][name] = {
            "documents": one["documents"],
            "models": {stage: measured[name]["scores"] for stage, measured in models.items()},
            "changes": _changes(one, last[name], seed) if len(names) > 1 else {},
        }
    found["sentence"] = sentence_of(found, names)
    return found


def _measure(one: Asked, examples: Sequence[Example], seed: int, policy: str) -> dict[str, Any]:
    asked = EntitySchema(tuple(labels_of(examples)), descriptions_of(examples))
    candidates = score_documents(
        one.model, examples, asked, one.splitter, max_length=one.max_length
    )
    scored = score_at(examples, candidates, THRESHOLD, overlap_policy(one.model, policy))
    summary = summarise(scored, examples, asked.labels, seed)
    schema = schema_of(examples)
    kinds = [kind for kind in KINDS if missing_head(one.model, kind) is None]
    answers = answer(
        one.model,
        examples,
        schema,
        one.splitter,
        max_length=one.max_length,
        threshold=THRESHOLD,
        kinds=kinds,
    )
    tasks = score_tasks(examples, answers, schema, seed)
    tasks = {task: found for task, found in tasks.items() if _kind(task) in kinds}
    counts = [micro(document) for document in scored.documents]
    return {
        "documents": len(examples),
        "scores": {"entities": {key: summary[key] for key in ("micro", "per_label")}, **tasks},
        "entities": [[one.correct, one.predicted, one.gold] for one in counts],
    }


def retention_of(
    model: str | Path,
    plugins: Plugins,
    files: Sequence[str] = (),
    say: Say | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    build_mini: BuildMini | None = None,
) -> dict[str, Any]:
    """Score what a model still can beside what its base could, as the key `retention`.

    Of a run, base and encoder are found again by what its manifest records, and swapped as it says;
    what cannot be had is left out, and told. A model that encswap did not write is scored alone, as
    a base: a registered one, a folder, a hub id, or mini.
    """
    sets = read_sets(files)
    known = NamedModel.of(model, plugins, settings or {})
    saved = known.load(plugins, None, build_mini)
    recipe, manifest = saved.recipe, known.manifest
    models: dict[str, Asked] = {}
    remarks: list[str] = []
    try:
        if manifest is not None:
            base = put_on_device(read_model(resolve(_place(manifest.base), plugins).path))
            words = CachedSplitter(base.processor.word_splitter)
            models["base"] = Asked(base, words, recipe.max_length)
            if manifest.data:
                swapped = _swapped_again(base, manifest, recipe, saved, plugins)
                models["swapped"] = Asked(swapped, saved.splitter, recipe.max_length)
    except EncswapError as error:
        missing = "the swapped model" if models else "the base"
        remarks.append(f"{missing} cannot be had here: {error}")
    last = "base" if manifest is None else "tuned" if manifest.data else "swapped"
    models[last] = Asked(saved.model, saved.splitter, recipe.max_length)
    for remark in remarks if say is not None else ():
        say(remark)  # type: ignore[misc]
    measured = {
        stage: measure_retention(one, sets, seed=recipe.seed, policy=recipe.overlap_policy)
        for stage, one in models.items()
    }
    found = compare_retention(measured, seed=recipe.seed)
    return {"retention": {**found, "remarks": remarks}}


def _place(record: ModelRecord) -> str:
    """Where a recorded model is: its folder, else its name."""
    return record.identifier if Path(record.identifier).is_dir() else record.name


def _swapped_again(
    base: PreTrainedModel, manifest: Manifest, recipe: Recipe, saved: Saved, plugins: Plugins
) -> PreTrainedModel:
    """Swap as the run did before it trained; raises `EncswapError` where that cannot be done."""
    if recipe.alignment != "none" or recipe.strategy == "scratch":
        raise SwapError("it was aligned or drawn before training, which the manifest cannot repeat")
    if recipe.strategy == "keep":
        own = read_model(resolve(_place(manifest.base), plugins).path)
        kept = keep_encoder(own, splitter=saved.splitter, max_width=manifest.max_width)
        return put_on_device(kept.model)
    name = str(recipe.encoder)
    source = resolve(name, plugins, scale=recipe.scale)
    swapped = swap_encoder(
        base,
        plugins.load_encoder(spec_of(name, plugins), source),
        plugins,
        splitter=saved.splitter,
        name=source.identifier,
        max_width=manifest.max_width,
        method=manifest.embeddings,
        heads="kept" if recipe.strategy in ("surgical", "lora") else "fresh",
        seed=recipe.seed,
    )
    return put_on_device(swapped.model)


def _kind(task: str) -> str:
    return "json_structures" if task == "structures" else task


def task_score(scores: Mapping[str, Any], task: str) -> float | None:
    """The one number of a task in a model's scores; None where the set does not have it."""
    if task == "entities":
        return float(scores["entities"]["micro"]["f1"]) if "entities" in scores else None
    return headline(scores, task)


def _changes(before: Measured, after: Measured, seed: int) -> dict[str, Any]:
    """The last model's scores less the first's; of entities with a paired interval."""
    changes: dict[str, Any] = {}
    for task in TASKS:
        old, new = task_score(before["scores"], task), task_score(after["scores"], task)
        if old is not None and new is not None:
            changes[task] = {"before": old, "after": new, "change": new - old}
    counts = ([Counts(*row) for row in one["entities"]] for one in (before, after))
    difference = compare(*counts, seed=seed)
    changes["entities"]["interval"] = [difference.low, difference.high]
    return changes


def sentence_of(found: Mapping[str, Any], names: Sequence[str]) -> str:
    """Say in one sentence what was lost between the first model and the last."""
    if len(names) < 2:
        return "There is nothing to compare with: only one model was measured."
    first, last = (_TOLD[name] for name in (names[0], names[-1]))
    parts = [
        f"{_NAMED[task]} ({name}) {change['before']:.3f} → {change['after']:.3f}"
        for name, one in found["sets"].items()
        for task, change in one["changes"].items()
        if change["change"] < 0
    ]
    if not parts:
        return f"No score of {last} is below that of {first}."
    return f"From {first} to {last} these scores fell: {', '.join(parts)}."


_TOLD = {"base": "the base", "swapped": "the swapped model", "tuned": "the tuned model"}
_NAMED = {
    "entities": "entity F1",
    "classifications": "macro F1 of classifications",
    "relations": "F1 of relations",
    "structures": "F1 of structure fields",
}
