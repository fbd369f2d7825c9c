"""A saved model again: scored, or asked, with what its manifest says was asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.data.readers import read_examples
from encswap.data.shipped import find_data
from encswap.data.units import CachedSplitter, measure_coverage
from encswap.domain import Example, Prediction, descriptions_of, labels_of
from encswap.errors import InputError
from encswap.evaluate.candidates import FLOOR, Asked, resolve
from encswap.evaluate.documents import score_documents
from encswap.evaluate.summary import judge_targets, summarise
from encswap.evaluate.thresholds import score_at
from encswap.manifest import MANIFEST, Manifest, read_manifest
from encswap.recipe import Recipe, recorded_recipe
from encswap.swap import gliner
from encswap.swap.saved import load

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DEFAULT_THRESHOLD = 0.5
AT_ONCE = 64
KEPT_CHARACTERS = 4_000_000
"""Of texts whose units are remembered while many are predicted, so that memory stays flat."""


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
        manifest = read_manifest(folder)
        recipe = recorded_recipe(manifest.recipe, folder / MANIFEST)
        model = gliner.put_on_device(load(folder))
        splitter = CachedSplitter(model.processor.word_splitter)
        model.processor.word_splitter = splitter
        return cls(model, manifest, recipe, splitter)

    def threshold(self, wanted: float | None) -> float:
        """The threshold asked for, else the one chosen in training."""
        return wanted or self.manifest.threshold or DEFAULT_THRESHOLD

    def asked(self, examples: Sequence[Example], labels: Sequence[str] = ()) -> Asked:
        """The labels asked for, else those of training, else those of the documents."""
        if labels:
            return Asked(tuple(labels), {})
        if self.manifest.labels:
            return Asked(self.manifest.labels, self.manifest.descriptions)
        return Asked(tuple(labels_of(examples)), descriptions_of(examples))

    def candidates(
        self, examples: Sequence[Example], asked: Asked, floor: float = FLOOR
    ) -> list[list[Prediction]]:
        """Score documents of any length."""
        return score_documents(
            self.model,
            examples,
            asked,
            self.splitter,
            max_length=self.recipe.max_length,
            floor=floor,
        )


def score_saved(folder: Path, data: str, threshold: float | None = None) -> dict[str, Any]:
    """Score a run or checkpoint on documents; same model, documents and threshold, same numbers."""
    saved = Saved.read(folder)
    examples = read_examples(find_data(data))
    asked = saved.asked(examples)
    at = saved.threshold(threshold)
    found = saved.candidates(examples, asked, min(FLOOR, at))
    scored = score_at(examples, found, at, gliner.overlap_policy(saved.model))
    test = summarise(scored, examples, asked.labels, saved.recipe.seed)
    coverage = measure_coverage(examples, saved.splitter)
    width = saved.manifest.max_width
    return {
        "protocol": saved.recipe.protocol,
        "strategy": saved.recipe.strategy,
        "threshold": at,
        "coverage": coverage.share(width) if width else coverage.aligned_share,
        "dev": None,
        "test": test,
        "baselines": None,
        "epochs": [],
        "throughput": None,
        "targets": judge_targets(saved.recipe.targets, test),
    }


def predict_saved(
    folder: Path,
    texts: Iterable[str],
    labels: Sequence[str] = (),
    threshold: float | None = None,
    *,
    at_once: int = AT_ONCE,
) -> Iterator[tuple[str, list[Prediction]]]:
    """Find entities in texts of any length, overlaps resolved as gliner2 does.

    Texts are taken `at_once` at a time, and each comes back with what was found in it.
    """
    saved = Saved.read(folder)
    saved.splitter.limit = KEPT_CHARACTERS
    asked = saved.asked((), labels)
    if not asked.labels:
        raise InputError("the model was saved without labels", hint="name them with --label")
    at = saved.threshold(threshold)
    policy = gliner.overlap_policy(saved.model)
    waiting = iter(texts)
    while some := list(islice(waiting, at_once)):
        examples = [Example(str(place), text) for place, text in enumerate(some)]
        for text, found in zip(
            some, saved.candidates(examples, asked, min(FLOOR, at)), strict=True
        ):
            yield text, resolve(found, at, policy)
