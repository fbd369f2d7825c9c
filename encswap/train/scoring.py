"""Scoring a saved model again, with what its manifest says was asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from encswap.data.readers import read_examples
from encswap.data.shipped import find_data
from encswap.data.units import CachedSplitter, measure_coverage
from encswap.domain import descriptions_of, labels_of
from encswap.evaluate.candidates import Asked
from encswap.evaluate.documents import score_documents
from encswap.evaluate.summary import judge_targets, summarise
from encswap.evaluate.thresholds import score_at
from encswap.manifest import read_manifest
from encswap.recipe import Recipe
from encswap.swap import gliner

DEFAULT_THRESHOLD = 0.5


def score_saved(folder: Path, data: str, threshold: float | None = None) -> dict[str, Any]:
    """Score a run or checkpoint on documents; same model, documents and threshold, same numbers."""
    manifest = read_manifest(folder)
    examples = read_examples(find_data(data))
    recipe = Recipe.model_validate(dict(manifest.recipe))
    model = gliner.put_on_device(gliner.load(folder))
    splitter = CachedSplitter(model.processor.word_splitter)
    asked = Asked(
        manifest.labels or tuple(labels_of(examples)),
        manifest.descriptions if manifest.labels else descriptions_of(examples),
    )
    candidates = score_documents(
        model, examples, asked, splitter, max_length=recipe.max_length
    )
    at = threshold or manifest.threshold or DEFAULT_THRESHOLD
    scored = score_at(examples, candidates, at, gliner.overlap_policy(model))
    test = summarise(scored, examples, asked.labels, recipe.seed)
    coverage = measure_coverage(examples, splitter)
    width = manifest.max_width
    return {
        "protocol": recipe.protocol,
        "strategy": recipe.strategy,
        "threshold": at,
        "coverage": coverage.share(width) if width else coverage.aligned_share,
        "dev": None,
        "test": test,
        "baselines": None,
        "epochs": [],
        "throughput": None,
        "targets": judge_targets(recipe.targets, test),
    }
