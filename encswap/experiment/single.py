"""One run of a recipe: find the models, swap, train and score, into one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encswap import processes
from encswap.data.units import CachedSplitter
from encswap.errors import InputError
from encswap.mini.finding import find_control, find_models
from encswap.plugins import Plugins
from encswap.recipe import Recipe
from encswap.sources import refuse_no_model, spec_of
from encswap.train.folder import RunFolder, refuse_taken
from encswap.train.job import Job
from encswap.train.preflight import build_units, check_settings, has_widths
from encswap.train.prepare import make_ready, read_documents
from encswap.train.progress import Watcher
from encswap.train.record import manifest_of, refuse_changed
from encswap.train.run import run


@dataclass(frozen=True)
class Asked:
    """How a run is made: pickle weights or not, the folder it goes on in, its splitter if shared.

    A folder to go on in is refused where something changed since, unless `force`.
    """

    allow_pickle: bool = False
    again: RunFolder | None = None
    force: bool = False
    splitter: CachedSplitter | None = None


def run_recipe(
    recipe: Recipe, path: Path, plugins: Plugins, watcher: Watcher, asked: Asked
) -> dict[str, Any]:
    """Swap, train and score as the recipe says; returns the metrics.

    Settings, folder, documents and units are checked before a model is looked for; the folder is
    made after.
    """
    from transformers import set_seed

    if recipe.encoder is None:
        raise InputError("no encoder", hint="set encoder: in the recipe")
    set_seed(recipe.seed)  # what is drawn does not depend on what this process did before
    check_settings(recipe)
    if asked.again is None and processes.is_main():
        refuse_taken(path)
    documents = read_documents(recipe)
    for remark in documents.remarks:
        watcher.remark(remark)
    spec = spec_of(recipe.encoder, plugins)
    for model in (recipe.encoder, recipe.base):
        refuse_no_model(str(model))
    others = (*documents.dev, *documents.test)
    units = build_units(
        recipe, plugins, spec, documents.train, others=others, splitter=asked.splitter
    )
    if has_widths(recipe.base):
        units.refuse_low_coverage(recipe, plugins)
    with processes.main_first():
        models = find_models(
            plugins,
            watcher,
            base=recipe.base,
            encoder=recipe.encoder,
            scale=recipe.scale,
            allow_pickle=asked.allow_pickle,
        )
        control = find_control(plugins, watcher, recipe.control)
    watcher.stage(f"swap {models.spec.name} into {models.base.name}")
    ready = make_ready(
        recipe,
        documents,
        plugins,
        spec=models.spec,
        base_source=models.base,
        encoder_source=models.encoder,
        splitter=units.splitter,
        watcher=watcher,
    )
    folder = asked.again or RunFolder.create(path)
    job = Job(recipe, documents, ready, plugins, folder, watcher, control)
    if asked.again is None:
        return run(job)
    now = manifest_of(recipe, documents, ready, plugins)
    return run(job, lambda: refuse_changed(folder, now, force=asked.force))
