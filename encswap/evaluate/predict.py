"""A saved model again: scored, or asked, with what its manifest says was asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.data.formats.table import ReadOptions
from encswap.data.input import find_data
from encswap.data.label_sets import compare_labels, count_labels, refuse_apart
from encswap.data.notes import Notes
from encswap.data.overlaps import measure_ceiling
from encswap.data.readers import options_of, read_examples
from encswap.data.tasks import KINDS, schema_of
from encswap.data.units import CachedSplitter
from encswap.errors import InputError
from encswap.evaluate.prompts import divide, one_sided
from encswap.evaluate.score import FLOOR, Progress, score_documents
from encswap.evaluate.summary import judge_targets, summarise
from encswap.evaluate.task_answers import answer
from encswap.evaluate.task_scores import score_tasks
from encswap.evaluate.thresholds import score_at
from encswap.gliner import model as gliner
from encswap.gliner.extraction import refuse_missing_heads
from encswap.gliner.schema import EntitySchema
from encswap.gliner.scoring import resolve
from encswap.manifest import MANIFEST, Manifest, read_manifest
from encswap.recipe import Recipe, recorded_recipe
from encswap.swap.checkpoint import load
from encswap.types import Example, Prediction, descriptions_of, labels_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DEFAULT_THRESHOLD = 0.5
AT_ONCE = 64
KEPT_CHARACTERS = 4_000_000
"""Of texts whose units are remembered while many are predicted, so that memory stays flat."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Saved:
    """A saved model with what was recorded of it."""

    model: PreTrainedModel
    manifest: Manifest
    recipe: Recipe
    splitter: CachedSplitter

    @classmethod
    def read(cls, folder: Path) -> Saved:
        """Load a run folder or a checkpoint."""
        return cls.load(folder, *recorded(folder))

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, recipe: Recipe) -> Saved:
        """Load the model of a folder whose manifest is read."""
        model = gliner.put_on_device(load(folder))
        splitter = CachedSplitter(model.processor.word_splitter)
        model.processor.word_splitter = splitter
        return cls(model, manifest, recipe, splitter)

    def groups(self, asked: EntitySchema, say: Say | None = None) -> int:
        """Count the groups in which the labels are asked; more than one is told."""
        groups = divide(self.model, asked, self.recipe.max_length)
        if len(groups) > 1 and say is not None:
            most = max(len(group.labels) for group in groups)
            say(
                f"{len(asked.labels)} labels do not fit beside a text at once: they are asked in "
                f"{len(groups)} groups of at most {most}"
            )
        return len(groups)

    def candidates(
        self,
        examples: Sequence[Example],
        asked: EntitySchema,
        floor: float = FLOOR,
        progress: Progress | None = None,
    ) -> list[list[Prediction]]:
        """Score documents of any length."""
        return score_documents(
            self.model,
            examples,
            asked,
            self.splitter,
            max_length=self.recipe.max_length,
            floor=floor,
            progress=progress,
        )

    def score_tasks(self, examples: Sequence[Example], threshold: float) -> dict[str, Any]:
        """Score the tasks beside entities that the documents hold; empty where they hold none."""
        schema = schema_of(examples)
        if not schema:
            return {}
        kinds = [kind for kind in KINDS if schema.names[kind]]
        refuse_missing_heads(self.model, kinds, examples[0].id)
        answers = answer(
            self.model,
            examples,
            schema,
            self.splitter,
            max_length=self.recipe.max_length,
            threshold=threshold,
        )
        return score_tasks(examples, answers, schema, self.recipe.seed)


def what_to_ask(
    manifest: Manifest, examples: Sequence[Example] = (), labels: Sequence[str] = ()
) -> EntitySchema:
    """The labels asked for, else those of training, else those of the documents."""
    if labels:
        return EntitySchema.of(labels, where="--label")
    if manifest.labels:
        return EntitySchema.of(manifest.labels, manifest.descriptions, where="encswap.json")
    return EntitySchema.of(labels_of(examples), descriptions_of(examples))


def recorded(folder: Path) -> tuple[Manifest, Recipe]:
    """Read a folder's manifest and the recipe that it records."""
    manifest = read_manifest(folder)
    return manifest, recorded_recipe(manifest.recipe, folder / MANIFEST)


def score_saved(
    folder: Path,
    data: str,
    threshold: float | None = None,
    labels: Sequence[str] = (),
    *,
    options: ReadOptions | None = None,
    notes: Notes | None = None,
    say: Say | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score a run or checkpoint on documents; same model, documents and threshold, same numbers.

    Labels are compared before the model is loaded: an `InputError` where none of the documents'
    is asked for.
    """
    manifest, recipe = recorded(folder)
    path = find_data(data)
    examples = read_examples(path, options=_read_as(recipe, options), notes=notes)
    asked = what_to_ask(manifest, examples, labels)
    remarks = remarks_on_labels(asked, examples, data)
    saved = Saved.load(folder, manifest, recipe)
    groups = saved.groups(asked, say)
    at = threshold or manifest.threshold or DEFAULT_THRESHOLD
    found = saved.candidates(examples, asked, min(FLOOR, at), progress)
    policy = gliner.overlap_policy(saved.model, saved.recipe.overlap_policy)
    scored = score_at(examples, found, at, policy)
    test = summarise(scored, examples, asked.labels, saved.recipe.seed)
    ceiling = measure_ceiling(examples, saved.splitter, manifest.max_width, policy)
    tasks = saved.score_tasks(examples, at)
    return {
        **({"tasks": tasks} if tasks else {}),
        "protocol": saved.recipe.protocol if manifest.epoch_source else None,
        "strategy": saved.recipe.strategy,
        "threshold": at,
        "threshold_source": "given" if threshold else manifest.threshold_source,
        "epoch_source": manifest.epoch_source,
        "labels": {**one_sided(asked.labels, examples), "groups": groups},
        "coverage": ceiling.share,
        "ceiling": {"test": ceiling.as_dict()},
        "overlap_policy": policy,
        "dev": None,
        "test": test,
        "baselines": None,
        "epochs": [],
        "throughput": None,
        "targets": judge_targets(saved.recipe.targets, test),
        "remarks": remarks,
    }


def remarks_on_labels(asked: EntitySchema, examples: Sequence[Example], where: str) -> list[str]:
    """Say where the model's labels and those of documents differ; refuse where none is shared."""
    # How often the model's labels were marked is not recorded.
    known, found = dict.fromkeys(asked.labels), count_labels(examples)
    refuse_apart(known, found, "the documents", where=where, known="the model")
    return compare_labels({"the model": known, "the documents": found})


def _read_as(recipe: Recipe, options: ReadOptions | None) -> ReadOptions:
    """Read as the model's own documents were, but for what a person says of this file."""
    own = options_of(recipe)
    if options is None:
        return own
    return replace(
        own,
        format=options.format,
        tag_column=options.tag_column or own.tag_column,
        label=options.label or own.label,
    )


def predict_saved(
    folder: Path,
    texts: Iterable[str],
    labels: Sequence[str] = (),
    threshold: float | None = None,
    *,
    at_once: int = AT_ONCE,
    say: Say | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[str, list[Prediction]]]:
    """Find entities in texts of any length, overlaps resolved as gliner2 does.

    Texts are taken `at_once` at a time, and each comes back with what was found in it. `progress`
    counts the windows that are scored.
    """
    manifest = read_manifest(folder)
    asked = what_to_ask(manifest, (), labels)
    if not asked.labels:
        raise InputError("the model was saved without labels", hint="name them with --label")
    saved = Saved.read(folder)
    saved.splitter.limit = KEPT_CHARACTERS
    saved.groups(asked, say)
    at = threshold or manifest.threshold or DEFAULT_THRESHOLD
    policy = gliner.overlap_policy(saved.model, saved.recipe.overlap_policy)
    waiting = iter(texts)
    while some := list(islice(waiting, at_once)):
        examples = [Example(str(place), text) for place, text in enumerate(some)]
        candidates = saved.candidates(examples, asked, min(FLOOR, at), progress)
        for text, found in zip(some, candidates, strict=True):
            yield text, resolve(found, at, policy)
