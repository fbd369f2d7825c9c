"""A swap without training, written as a checkpoint with its manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from encswap import __version__, files
from encswap.domain import EncoderSpec, Example, Source, descriptions_of, labels_of
from encswap.evaluate.candidates import Asked
from encswap.manifest import (
    Manifest,
    ModelRecord,
    describe_splitter,
    versions_of,
    write_manifest,
)
from encswap.plugins import Plugins
from encswap.recipe import Recipe
from encswap.swap import gliner
from encswap.swap.assembly import prove, swap_encoder
from encswap.train.aligning import align_encoder
from encswap.train.progress import Watcher
from encswap.train.record import PACKAGES, plugin_versions


def write_swap(
    recipe: Recipe,
    plugins: Plugins,
    spec: EncoderSpec,
    *,
    base_source: Source,
    encoder_source: Source,
    out: Path,
    examples: Sequence[Example] = (),
    watcher: Watcher | None = None,
) -> Manifest:
    """Swap, prove, align where the recipe says so, and write a new folder in one step.

    Alignment looks at the texts of `examples` and asks for their labels. Raises `InputError` or
    `SwapError` where something does not fit, before anything is written.
    """
    name = recipe.splitter or spec.word_splitter
    splitter = plugins.splitter(name, **recipe.splitter_options)
    base = gliner.read_model(base_source.path)
    swapped = swap_encoder(
        base,
        plugins.load_encoder(spec, encoder_source),
        plugins,
        splitter=splitter,
        name=encoder_source.identifier,
        max_width=recipe.max_width if recipe.max_width != "auto" else None,
        method=recipe.embeddings,
        seed=recipe.seed,
    )
    prove(swapped.model, base, splitter)
    asked = Asked(tuple(labels_of(examples)), descriptions_of(examples))
    remarks = align_encoder(recipe, swapped.model, base, examples, asked, watcher=watcher)
    manifest = Manifest(
        encswap=__version__,
        base=ModelRecord.of(base_source),
        encoder=ModelRecord.of(encoder_source),
        splitter=describe_splitter(name, splitter, recipe.splitter_options),
        max_width=gliner.max_width_of(swapped.model),
        embeddings=recipe.embeddings,
        origins=dict(swapped.origins),
        versions=versions_of(PACKAGES),
        plugins=plugin_versions(plugins),
        recipe=json.loads(recipe.model_dump_json()),
        remarks=remarks,
    )
    with files.one_line(out, "make room, or give --out elsewhere"), files.new_folder(out) as beside:
        gliner.save_model(swapped.model, beside)
        write_manifest(manifest, beside)
    return manifest
