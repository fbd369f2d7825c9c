"""A saved model again: scored, or asked, with what its manifest says was asked of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap import __version__
from encswap.data.formats.table import ReadOptions
from encswap.data.input import find_data
from encswap.data.label_sets import compare_labels, count_labels, refuse_apart
from encswap.data.notes import Notes
from encswap.data.overlaps import measure_ceiling
from encswap.data.readers import options_of, read_examples
from encswap.data.tasks import KINDS, schema_of
from encswap.data.units import CachedSplitter
from encswap.errors import InputError, SourceError
from encswap.evaluate.prompts import divide, one_sided
from encswap.evaluate.score import FLOOR, Progress, score_documents
from encswap.evaluate.summary import judge_targets, summarise
from encswap.evaluate.task_answers import answer
from encswap.evaluate.task_scores import score_tasks
from encswap.evaluate.thresholds import best, score_at, sweep
from encswap.gliner import model as gliner
from encswap.gliner.decoding import flatten, resolve
from encswap.gliner.extraction import refuse_missing_heads
from encswap.gliner.schema import EntitySchema
from encswap.manifest import MANIFEST, Manifest, ModelRecord, SplitterRecord, read_manifest
from encswap.models import (
    MINI_BASE,
    BuildMini,
    fetch_checkpoint,
    find_base,
    find_checkpoint,
    is_hub_id,
    spec_of,
    split_revision,
)
from encswap.plugins import Plugins, load_plugins
from encswap.recipe import Recipe, read_recipe, recorded_recipe
from encswap.swap.checkpoint import load
from encswap.types import Example, Prediction, Unwatched, descriptions_of, labels_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DEFAULT_THRESHOLD = 0.5
OWN_WORDS = "gliner2's own"
"""The words of a model that encswap did not write: gliner2 records no splitter."""
SAME = "the threshold was chosen on the documents that are scored"
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
    folder: Path = Path()

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
        return cls(model, manifest, recipe, splitter, folder)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the model was trained for."""
        return self.manifest.labels

    @property
    def threshold(self) -> float:
        """The probability from which a span is extracted, unless a call names another."""
        return self.manifest.threshold or DEFAULT_THRESHOLD

    def predict(
        self,
        texts: str | Iterable[str],
        labels: Sequence[str] | None = None,
        *,
        threshold: float | None = None,
        flat: bool = False,
        batch_size: int = 16,
    ) -> list[list[Prediction]]:
        """Find entities in texts of any length; offsets are in characters of each text.

        `flat` keeps one label a span. Raises `InputError` for labels that cannot be asked and for a
        threshold that is not between 0 and 1.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        if threshold is not None and not 0.0 < threshold < 1.0:
            raise InputError(f"{threshold} is no threshold", hint="0 < it < 1")
        asked = what_to_ask(self.manifest, (), labels or ())
        if not asked.labels:
            raise InputError("the model was saved without labels", hint="name them in the call")
        self.splitter.limit = KEPT_CHARACTERS
        examples = [Example(str(place), text) for place, text in enumerate(texts)]
        at, own = self.used(threshold)
        policy = gliner.overlap_policy(self.model, self.recipe.overlap_policy)
        floor = min([at, *own.values()])
        found = [
            resolve(one, at, policy, own)
            for one in self.candidates(examples, asked, floor, batch_size=batch_size)
        ]
        return [flatten(one) for one in found] if flat else found

    def used(self, threshold: float | None = None) -> tuple[float, dict[str, float]]:
        """The threshold, and the labels' own: none where a call names one for all."""
        if threshold is not None:
            return threshold, {}
        return self.threshold, dict(self.manifest.thresholds)

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
        batch_size: int = 16,
    ) -> list[list[Prediction]]:
        """Score documents of any length."""
        return score_documents(
            self.model,
            examples,
            asked,
            self.splitter,
            max_length=self.recipe.max_length,
            floor=floor,
            batch_size=batch_size,
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
    """Read what was recorded of a run or a checkpoint: its manifest, and the recipe in it."""
    manifest = read_manifest(folder)
    return manifest, recorded_recipe(manifest.recipe, folder / MANIFEST)


@dataclass(frozen=True)
class NamedModel:
    """What is known of a model before its weights are read.

    `manifest` is None of a model that encswap did not write; it is then asked as `recipe` says.
    """

    name: str
    manifest: Manifest | None
    recipe: Recipe
    folder: Path = Path()

    @classmethod
    def of(cls, model: str | Path, plugins: Plugins, settings: Mapping[str, Any]) -> NamedModel:
        """Look a model up: a folder that encswap wrote, else a base, a folder or a hub id.

        Raises `EncswapError` where it is none of them, or a setting is wrong.
        """
        name = str(model)
        folder = _fetched(model, plugins) or Path(name).expanduser()
        if (folder / MANIFEST).exists():
            manifest = read_manifest(folder)
            recipe = recorded_recipe(manifest.recipe, folder / MANIFEST)
            if settings:
                recipe = read_recipe(None, {**recipe.model_dump(), **settings})
            return cls(name, manifest, recipe, folder)
        if folder.is_dir() and not (folder / "config.json").is_file():
            raise SourceError(
                "is no model: it has neither encswap.json nor config.json",
                where=folder,
                hint="give a run folder, a GLiNER2 checkpoint, a tagger, a base or a hub id",
            )
        plain, _ = split_revision(name)
        if spec_of(name, plugins).name in plugins.encoders and plain not in plugins.bases:
            raise InputError(
                f"{name} is an encoder, not a GLiNER2 model",
                hint=f"encswap train --encoder {name} makes one of it",
            )
        layers = ("mini",) if name == MINI_BASE else ()
        return cls(name, None, read_recipe(None, {"targets": {}, **settings}, layers=layers))

    def asked(self, examples: Sequence[Example], labels: Sequence[str]) -> EntitySchema:
        """The labels given, else those of training, else those of the documents."""
        if self.manifest is not None:
            return what_to_ask(self.manifest, examples, labels)
        if labels:
            return EntitySchema.of(labels, where="--label")
        described = descriptions_of(examples) if self.recipe.descriptions else {}
        return EntitySchema.of(labels_of(examples), described)

    def load(
        self, plugins: Plugins, splitter: str | None = None, build_mini: BuildMini | None = None
    ) -> Saved:
        """Load the model, with the word splitter called `splitter` in place of its own."""
        if self.manifest is not None:
            saved = Saved.load(self.folder, self.manifest, self.recipe)
        else:
            saved = self._load_plain(plugins, build_mini)
        if splitter is None:
            return saved
        options = self.recipe.splitter_options if splitter == self._words else {}
        units = CachedSplitter(plugins.splitter(splitter, **options))
        saved.model.processor.word_splitter = units
        return replace(saved, splitter=units)

    @property
    def _words(self) -> str | None:
        """The splitter that the recorded options belong to."""
        return self.manifest.splitter.name if self.manifest else self.recipe.splitter

    def _load_plain(self, plugins: Plugins, build_mini: BuildMini | None) -> Saved:
        source = find_base(plugins, Unwatched(), self.name, build_mini)
        model = gliner.put_on_device(gliner.read_model(source.path))
        model.eval()
        units = CachedSplitter(model.processor.word_splitter)
        model.processor.word_splitter = units
        record = ModelRecord.of(source)
        words = SplitterRecord(OWN_WORDS)
        width = gliner.max_width_of(model)
        manifest = Manifest(
            __version__, base=record, encoder=record, splitter=words, max_width=width
        )
        return Saved(model, manifest, self.recipe, units)


def _fetched(model: str | Path, plugins: Plugins) -> Path | None:
    """Fetch a checkpoint that encswap wrote from the hub; None for any other model."""
    name = str(model)
    if not is_hub_id(name) or spec_of(name, plugins).name != split_revision(name)[0]:
        return None
    return fetch_checkpoint(name, plugins)


def score_saved(
    model: str | Path,
    data: str,
    threshold: float | None = None,
    labels: Sequence[str] = (),
    *,
    dev: str | None = None,
    splitter: str | None = None,
    settings: Mapping[str, Any] | None = None,
    options: ReadOptions | None = None,
    notes: Notes | None = None,
    say: Say | None = None,
    progress: Progress | None = None,
    build_mini: BuildMini | None = None,
) -> dict[str, Any]:
    """Score any GLiNER2 model on documents: what encswap wrote, a base, a folder, a hub id.

    Same model, documents, labels and threshold, same numbers as training gave. With `dev` the
    threshold is chosen on these documents, as training does. `settings` override the recipe's.
    Labels are compared before the model is loaded: an `InputError` where none of the documents'
    is asked for.
    """
    refuse_two_thresholds(threshold, dev)
    plugins = load_plugins()
    known = NamedModel.of(model, plugins, settings or {})
    if splitter is not None:
        plugins.splitter(splitter)
    path = find_data(data)
    own = read_as(known.recipe, options)
    examples = read_examples(path, options=own, notes=notes)
    dev_path = find_data(dev) if dev is not None else None
    dev_examples = read_examples(dev_path, options=own, notes=notes) if dev_path else []
    asked = known.asked([*dev_examples, *examples], labels)
    remarks = remarks_on_labels(asked, examples, data)
    if dev is not None:
        refuse_apart(dict.fromkeys(asked.labels), count_labels(dev_examples), "dev", where=dev)
        if dev_path == path:
            remarks.append(SAME)
    saved = known.load(plugins, splitter, build_mini)
    groups = saved.groups(asked, say)
    policy = gliner.overlap_policy(saved.model, saved.recipe.overlap_policy)
    chosen = None
    if dev_examples:
        found = saved.candidates(dev_examples, asked, progress=progress)
        chosen = best(sweep(dev_examples, found, saved.recipe.thresholds, policy))
    manifest = saved.manifest
    at, by_label = saved.used(threshold or (chosen.threshold if chosen else None))
    began = time.monotonic()
    found = saved.candidates(examples, asked, min(FLOOR, at, *by_label.values()), progress)
    seconds = time.monotonic() - began
    scored = score_at(examples, found, at, policy, by_label)
    test = summarise(scored, examples, asked.labels, saved.recipe.seed)
    width = gliner.max_width_of(saved.model)
    ceiling = measure_ceiling(examples, saved.splitter, width, policy)
    source = "given" if threshold else "dev" if chosen else manifest.threshold_source
    tasks = saved.score_tasks(examples, at)
    return {
        **({"tasks": tasks} if tasks else {}),
        "model": str(model),
        "splitter": splitter or manifest.splitter.name,
        "protocol": saved.recipe.protocol if manifest.epoch_source else None,
        "strategy": saved.recipe.strategy if known.manifest else None,
        "threshold": at,
        "threshold_source": source,
        "epoch_source": manifest.epoch_source,
        "labels": {**one_sided(asked.labels, examples), "groups": groups},
        "coverage": ceiling.share,
        "ceiling": {"test": ceiling.as_dict()},
        "overlap_policy": policy,
        "dev": summarise(chosen, dev_examples, asked.labels, saved.recipe.seed) if chosen else None,
        "test": test,
        "baselines": None,
        "epochs": [],
        "throughput": {"documents_per_second": len(examples) / max(seconds, 1e-9)},
        "targets": judge_targets(saved.recipe.targets, test),
        "remarks": remarks,
    }


def refuse_two_thresholds(threshold: float | None, dev: str | None) -> None:
    """Refuse a threshold that is given where one is to be chosen."""
    if threshold is not None and dev is not None:
        raise InputError(
            "a threshold is given, and --dev asks for one to be chosen",
            hint="leave one of them out",
        )


def remarks_on_labels(asked: EntitySchema, examples: Sequence[Example], where: str) -> list[str]:
    """Say where the model's labels and those of documents differ; refuse where none is shared."""
    # How often the model's labels were marked is not recorded.
    known, found = dict.fromkeys(asked.labels), count_labels(examples)
    refuse_apart(known, found, "the documents", where=where, known="the model")
    return compare_labels({"the model": known, "the documents": found})


def read_as(recipe: Recipe, options: ReadOptions | None) -> ReadOptions:
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
    model: str | Path,
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
    folder = find_checkpoint(model)
    manifest = read_manifest(folder)
    asked = what_to_ask(manifest, (), labels)
    if not asked.labels:
        raise InputError("the model was saved without labels", hint="name them with --label")
    saved = Saved.read(folder)
    saved.splitter.limit = KEPT_CHARACTERS
    saved.groups(asked, say)
    at, own = saved.used(threshold)
    floor = min([at, *own.values()])
    policy = gliner.overlap_policy(saved.model, saved.recipe.overlap_policy)
    waiting = iter(texts)
    while some := list(islice(waiting, at_once)):
        examples = [Example(str(place), text) for place, text in enumerate(some)]
        candidates = saved.candidates(examples, asked, floor, progress)
        for text, found in zip(some, candidates, strict=True):
            yield text, resolve(found, at, policy, own)
