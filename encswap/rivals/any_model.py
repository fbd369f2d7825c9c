"""Any model scored as it is: a GLiNER2 model or a plain tagger, told apart by its files."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from encswap.data.formats.table import ReadOptions
from encswap.data.input import find_data
from encswap.data.label_sets import count_labels, refuse_apart
from encswap.data.notes import Notes
from encswap.data.readers import read_examples
from encswap.errors import InputError, SourceError, suggest
from encswap.evaluate.predict import (
    SAME,
    Say,
    read_as,
    refuse_two_thresholds,
    remarks_on_labels,
    score_saved,
)
from encswap.evaluate.prompts import one_sided
from encswap.evaluate.score import Progress
from encswap.evaluate.summary import judge_targets, summarise
from encswap.evaluate.thresholds import best, score_at, sweep
from encswap.gliner.schema import EntitySchema
from encswap.manifest import MANIFEST
from encswap.models import MINI_BASE, BuildMini, mini_folder, resolve, spec_of
from encswap.plugins import Plugins, load_plugins
from encswap.recipe import Recipe, read_recipe
from encswap.rivals.bio import count_expressed, expressed_by
from encswap.rivals.pretrained import RECORD, Pretrained
from encswap.safety.trusted_classes import read_config
from encswap.types import Example, Prediction, Scale, Unwatched

Kind = Literal["gliner2", "tagger", "gliner"]
CERTAIN = 0.0
"""A tagger's threshold where none is given: the likeliest tag of each piece counts."""
HEAD, GLINER_CONFIG = "ForTokenClassification", "gliner_config.json"


class Outside(Protocol):
    """A model that is no GLiNER2, ready to be asked."""

    def predict(self, examples: Sequence[Example]) -> list[list[Prediction]]:
        """Find entities in documents of any length, with their scores."""


def kind_of(model: str | Path, plugins: Plugins) -> Kind:
    """Tell what a model is by its small files; what is neither of the others is a GLiNER2.

    Of a hub id that is not registered these files are fetched. Raises `SourceError` where they
    cannot be had.
    """
    name = str(model)
    folder = Path(name).expanduser()
    if (folder / RECORD).is_file():
        return "tagger"
    if folder.is_dir():
        path = folder
    else:
        spec = spec_of(name, plugins)
        if name == MINI_BASE or spec.name in {**plugins.bases, **plugins.encoders}:
            return "gliner2"
        path = resolve(name, plugins, need="metadata").path
    if (path / MANIFEST).exists():
        return "gliner2"
    if (path / GLINER_CONFIG).is_file():
        return "gliner"
    if (path / "config.json").is_file():
        classes = read_config(path).get("architectures")
        if isinstance(classes, list) and any(str(one).endswith(HEAD) for one in classes):
            return "tagger"
    return "gliner2"


def score_model(
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
    scale: Scale = "full",
) -> dict[str, Any]:
    """Score a model on documents with the code that scores ours, whatever kind it is.

    At scale mini a registered base is its small replica. Raises `EncswapError` in one line where
    the model is none, or its labels are none of the documents'.
    """
    plugins, name = load_plugins(), str(model)
    if scale == "mini":
        name = _replica(name, plugins, build_mini)
    kind = kind_of(name, plugins)
    if kind == "gliner2":
        found = score_saved(
            name,
            data,
            threshold,
            labels,
            dev=dev,
            splitter=splitter,
            settings=settings,
            options=options,
            notes=notes,
            say=say,
            progress=progress,
            build_mini=build_mini,
        )
        return {**found, "model": str(model)}
    if kind == "gliner":
        raise SourceError(
            "is a GLiNER of the first kind (gliner_config.json), which eval does not score",
            where=name,
            hint=f"its encoder can be swapped in: encswap check {name}",
        )
    refuse_two_thresholds(threshold, dev)
    if splitter is not None:
        plugins.splitter(splitter)
    recipe = read_recipe(None, {"targets": {}, **(settings or {})})
    found_tagger = Pretrained.find(name, plugins, (options or ReadOptions()).label)
    documents = _read(recipe, data, dev, options, notes)
    asked = _asked(found_tagger.tags.labels, labels)
    remarks = documents.compare(asked)
    if found_tagger.tags.passed_over:
        shown = ", ".join(found_tagger.tags.passed_over)
        remarks.append(f"labels of the model that are no tags stand for no tag: {shown}")
    longest = found_tagger.max_length if "max_length" not in (settings or {}) else None
    tagger = found_tagger.load(plugins, splitter, longest or recipe.max_length)
    scored = score_outside(tagger, documents, asked, recipe, threshold=threshold)
    said = [expressed_by(tagger.cut, example) for example in documents.test]
    expressed = count_expressed(said)
    return {
        **scored,
        "model": str(model),
        "kind": kind,
        "strategy": "tagger",
        "epoch_source": found_tagger.epoch_source,
        "splitter": found_tagger.words(splitter),
        "coverage": expressed.share,
        "expressed": {"test": expressed.as_dict()},
        "remarks": remarks,
    }


def _replica(name: str, plugins: Plugins, build_mini: BuildMini | None) -> str:
    """The small replica of a registered base, built first; `mini` is that of the default base."""
    if name == MINI_BASE:
        return name
    if name not in plugins.bases:
        raise InputError(
            f"{name} has no mini scale",
            where="--scale",
            hint=f"registered bases have one: {', '.join(plugins.bases)}",
        )
    if name == read_recipe().base:
        return MINI_BASE
    if build_mini is not None:
        build_mini(plugins, Unwatched(), plugins.bases[name])
    return str(mini_folder("base", name))


@dataclass(frozen=True)
class DocumentPair:
    """The documents that are scored, those on which a threshold is chosen, and their names."""

    test: Sequence[Example]
    dev: Sequence[Example]
    name: str
    dev_name: str | None

    def compare(self, asked: EntitySchema) -> list[str]:
        """Say where their labels and the model's differ; refuse where none is shared."""
        remarks = remarks_on_labels(asked, self.test, self.name)
        if self.dev_name is not None:
            known = dict.fromkeys(asked.labels)
            refuse_apart(known, count_labels(self.dev), "dev", where=self.dev_name)
            if find_data(self.dev_name) == find_data(self.name):
                remarks.append(SAME)
        return remarks


def _read(
    recipe: Recipe,
    data: str,
    dev: str | None,
    options: ReadOptions | None,
    notes: Notes | None,
) -> DocumentPair:
    own = read_as(recipe, options)
    test = read_examples(find_data(data), options=own, notes=notes)
    tuned = read_examples(find_data(dev), options=own, notes=notes) if dev is not None else []
    return DocumentPair(test, tuned, data, dev)


def _asked(known: Sequence[str], labels: Sequence[str]) -> EntitySchema:
    """The labels of a tagger, or those of them that a person asks for."""
    for label in labels:
        if label not in known:
            raise InputError(
                f"the tagger has no label {label!r}; it has {', '.join(map(repr, known))}",
                where="--label",
                hint=suggest(label, list(known)),
            )
    return EntitySchema.of(labels or known, where="--label")


def score_outside(
    model: Outside,
    documents: DocumentPair,
    asked: EntitySchema,
    recipe: Recipe,
    *,
    threshold: float | None = None,
    default: float = CERTAIN,
) -> dict[str, Any]:
    """Score what a model predicts, as `score_saved` scores a GLiNER2 model's.

    The threshold is the given one, the best on dev, or `default`; 0 takes every span.
    """

    def predict(examples: Sequence[Example]) -> list[list[Prediction]]:
        found = model.predict(examples)
        return [[span for span in one if span.label in asked.labels] for one in found]

    chosen = None
    if documents.dev:
        tried = (*((default,) if default == CERTAIN else ()), *recipe.thresholds)
        chosen = best(sweep(documents.dev, predict(documents.dev), tried, None))
    at = threshold or (chosen.threshold if chosen else default)
    began = time.monotonic()
    found = predict(documents.test)
    seconds = time.monotonic() - began
    scored = score_at(documents.test, found, at, None)
    test = summarise(scored, documents.test, asked.labels, recipe.seed)
    without = "none" if default == CERTAIN else "default"
    return {
        "protocol": None,
        "threshold": at,
        "threshold_source": "given" if threshold else "dev" if chosen else without,
        "labels": {**one_sided(asked.labels, documents.test), "groups": 1},
        "overlap_policy": None,
        "dev": summarise(chosen, documents.dev, asked.labels, recipe.seed) if chosen else None,
        "test": test,
        "baselines": None,
        "epochs": [],
        "throughput": {"documents_per_second": len(documents.test) / max(seconds, 1e-9)},
        "targets": judge_targets(recipe.targets, test),
    }
