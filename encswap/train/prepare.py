"""Everything that training needs, made ready and checked before the first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from encswap.data.readers import read_examples
from encswap.data.shipped import find_data
from encswap.data.split import split_dev
from encswap.data.units import CachedSplitter, Coverage, measure_coverage, suggest_max_width
from encswap.domain import EncoderSpec, Example, Source, descriptions_of, labels_of
from encswap.errors import InputError
from encswap.evaluate.candidates import Asked
from encswap.files import checksum
from encswap.plugins import Plugins
from encswap.recipe import Recipe
from encswap.swap import gliner
from encswap.swap.adapters import add_adapters
from encswap.swap.assembly import prove, swap_encoder
from encswap.swap.loading import redraw
from encswap.swap.training_mode import (
    checkpoint_gradients,
    set_label_renaming,
    use_flash_attention,
)
from encswap.train.aligning import align_encoder, refuse_alignment
from encswap.train.progress import Watcher

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Documents:
    """Train, dev and test documents, what is asked of them, and the files' checksums."""

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    asked: Asked
    checksums: Mapping[str, str]


@dataclass(frozen=True)
class Ready:
    """A swapped, proven model with its base, its splitter and what the units can express."""

    model: PreTrainedModel
    base: PreTrainedModel
    splitter: CachedSplitter
    splitter_name: str
    coverage: Coverage
    max_width: int | None
    embeddings: str
    origins: Mapping[str, int]
    base_source: Source
    encoder_source: Source
    remarks: tuple[str, ...] = ()


def read_documents(recipe: Recipe) -> Documents:
    """Read the documents that the recipe names, and take dev from train where none is given.

    Raises `InputError` where a file is missing or broken, or holds no labelled mention.
    """
    train_path, test_path = _file(recipe.train, "train"), _file(recipe.test, "test")
    train, test = read_examples(train_path), read_examples(test_path)
    paths = {"train": train_path, "test": test_path}
    if recipe.protocol == "plan":
        dev: Sequence[Example] = test
    elif recipe.dev is not None:
        paths["dev"] = _file(recipe.dev, "dev")
        dev = read_examples(paths["dev"])
    else:
        train, dev = split_dev(train, recipe.dev_share, recipe.seed)
    refuse_unmarked(train, train_path)
    if not dev:
        raise InputError("too few documents to take dev from", where=train_path)
    labels = tuple(labels_of([*train, *test]))
    asked = Asked(labels, descriptions_of(train) if recipe.descriptions else {})
    sums = {name: checksum(path) for name, path in paths.items()}
    return Documents(tuple(train), tuple(dev), tuple(test), asked, sums)


def _file(name: str | None, role: str) -> Path:
    if name is None:
        raise InputError(
            f"no {role} documents", hint=f"give --{role} FILE or set {role}: in a recipe"
        )
    return find_data(name)


def refuse_unmarked(examples: Sequence[Example], path: Path) -> None:
    """Refuse documents without gold, and a label that has none: it would be trained as absent."""
    marked = {mention.label for example in examples for mention in example.mentions}
    if not marked:
        raise InputError("no document has a mention in its text", where=path)
    for label in labels_of(examples):
        if label not in marked:
            raise InputError(
                f"label {label!r} has no mention in any training document",
                where=path,
                hint="mark some, or take the label out of the file",
            )


def make_ready(
    recipe: Recipe,
    documents: Documents,
    plugins: Plugins,
    *,
    spec: EncoderSpec,
    base_source: Source,
    encoder_source: Source,
    splitter: CachedSplitter | None = None,
    watcher: Watcher | None = None,
) -> Ready:
    """Load, measure what the units express, swap, prove and, where asked for, align.

    `splitter` is the recipe's, where another run has cut texts with it already.
    Raises `InputError` below the recipe's least coverage, `SwapError` where nothing fits.
    """
    refuse_alignment(recipe)
    name = recipe.splitter or spec.word_splitter
    splitter = splitter or CachedSplitter(plugins.splitter(name, **recipe.splitter_options))
    texts = [e.text for e in (*documents.train, *documents.dev, *documents.test)]
    splitter.prepare(texts)
    coverage = measure_coverage(documents.train, splitter)
    width = suggest_max_width(coverage) if recipe.max_width == "auto" else recipe.max_width
    base = gliner.read_model(base_source.path)
    if gliner.max_width_of(base) is not None:
        refuse_low_coverage(coverage, width, name, recipe, plugins)
    encoder = plugins.load_encoder(spec, encoder_source)
    scratch = recipe.strategy == "scratch"
    kept = recipe.strategy in ("surgical", "lora")
    method = "random" if scratch else recipe.embeddings
    swapped = swap_encoder(
        base,
        redraw(encoder, recipe.seed) if scratch else encoder,
        plugins,
        splitter=splitter,
        name=encoder_source.identifier,
        max_width=width,
        method=method,
        heads="kept" if kept else "fresh",
        seed=recipe.seed,
    )
    if kept:
        prove(swapped.model, base, splitter)
    model, base = gliner.put_on_device(swapped.model), gliner.put_on_device(base)
    remarks = align_encoder(recipe, model, base, documents.train, documents.asked, watcher=watcher)
    set_up(model, recipe)
    return Ready(
        model=model,
        base=base,
        splitter=splitter,
        splitter_name=name,
        coverage=coverage,
        max_width=gliner.max_width_of(swapped.model),
        embeddings=method,
        origins=swapped.origins,
        base_source=base_source,
        encoder_source=encoder_source,
        remarks=remarks,
    )


def set_up(model: PreTrainedModel, recipe: Recipe) -> None:
    """Set a model up for training as the recipe says."""
    set_label_renaming(model, recipe.synthetic_labels)
    if recipe.attention_backend != "standard":
        use_flash_attention(model)
    if recipe.strategy == "lora":
        add_adapters(
            model,
            rank=recipe.lora_rank,
            alpha=recipe.lora_alpha,
            dropout=recipe.lora_dropout,
            targets=recipe.lora_targets,
        )
    if recipe.gradient_checkpointing:
        checkpoint_gradients(model)


def refuse_low_coverage(
    coverage: Coverage, width: int, name: str, recipe: Recipe, plugins: Plugins
) -> None:
    """Refuse to train on gold that cannot be expressed: it would be trained as absent."""
    share = coverage.share(width)
    if share < recipe.min_coverage and not recipe.allow_low_coverage:
        others = ", ".join(one for one in plugins.splitter_names if one != name)
        raise InputError(
            f"splitter {name!r} at width {width} can express {share:.1%} of the training mentions, "
            f"less than {recipe.min_coverage:.0%}; the rest would be trained as absent",
            hint=f"choose another --splitter ({others}) or pass --allow-low-coverage",
        )
