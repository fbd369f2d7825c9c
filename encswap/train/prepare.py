"""Everything that training needs, made ready and checked before the first step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from encswap.data.label_sets import (
    compare_labels,
    count_labels,
    not_named_line,
    refuse_apart,
    repeated_ids,
    repeated_line,
    shared_ids,
)
from encswap.data.notes import Notes
from encswap.data.options import ReadOptions, names_in
from encswap.data.readers import open_examples, read_examples
from encswap.data.shipped import find_data
from encswap.data.split import split_dev
from encswap.data.units import CachedSplitter, Coverage
from encswap.domain import EncoderSpec, Example, Source, descriptions_of, labels_of
from encswap.errors import InputError
from encswap.evaluate.candidates import Asked
from encswap.evaluate.prompts import text_budget
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
from encswap.train.preflight import build_units, has_widths
from encswap.train.progress import Watcher

if TYPE_CHECKING:
    from transformers import PreTrainedModel


NOT_NAMED = ("what is found of it there counts as wrong", "they are trained as holding none")


@dataclass(frozen=True)
class Documents:
    """Train, dev and test documents, what is asked of them, and the files' checksums.

    `remarks` say what a reader of the scores must know of the documents.
    """

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    asked: Asked
    checksums: Mapping[str, str]
    remarks: tuple[str, ...] = ()


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

    Raises `InputError` where a file is missing or broken, holds no labelled mention, or shares no
    label with train.
    """
    paths = {"train": files_of(recipe.train, "train"), "test": files_of(recipe.test, "test")}
    if recipe.protocol == "dev" and recipe.dev is not None:
        paths["dev"] = files_of(recipe.dev, "dev")
    notes = Notes()
    parts: dict[str, list[Example]] = {}
    sums: dict[str, str] = {}
    for name, files in paths.items():
        parts[name] = []
        for place, path in enumerate(files, start=1):
            reading = open_examples(path, options=options_of(recipe, name), notes=notes)
            parts[name] += reading.read()
            sums[name if place == 1 else f"{name} {place}"] = reading.checksum()
    remarks = [*map(str, notes), *_compare(parts, paths)]
    train, test = parts["train"], parts["test"]
    if recipe.protocol == "plan":
        dev: Sequence[Example] = test
    elif recipe.dev is not None:
        dev = parts["dev"]
    else:
        train, dev = split_dev(train, recipe.dev_share, recipe.seed)
    refuse_unmarked(train, paths["train"][0])
    if not dev:
        raise InputError("too few documents to take dev from", where=paths["train"][0])
    labels = tuple(labels_of([*train, *test]))
    asked = Asked(labels, descriptions_of(train) if recipe.descriptions else {})
    return Documents(tuple(train), tuple(dev), tuple(test), asked, sums, tuple(remarks))


def read_part(path: Path, recipe: Recipe, notes: Notes | None = None) -> list[Example]:
    """Read a file of documents as a recipe says: which strings are meant, whose labels they are."""
    return read_examples(path, options=options_of(recipe), notes=notes)


def options_of(recipe: Recipe, part: str | None = None) -> ReadOptions:
    """How a recipe's files are read; without a part, a file of another set, whatever its format."""
    by_part = recipe.format if isinstance(recipe.format, Mapping) else {}
    whole = recipe.format if isinstance(recipe.format, str) else "auto"
    return ReadOptions(
        format="auto" if part is None else dict(by_part).get(part, whole),  # type: ignore[call-overload]
        tag_column=recipe.tag_column,
        label=recipe.tag_label,
        label_names=names_in(recipe.label_names),
        occurrences=recipe.occurrences,
        labels_per_file=recipe.labels_per_file,
    )


def _compare(
    parts: Mapping[str, Sequence[Example]], paths: Mapping[str, Sequence[Path]]
) -> Iterator[str]:
    """Say what the parts' labels and ids do not share, and do; refuse parts that do not meet."""
    counted = {name: count_labels(examples) for name, examples in parts.items()}
    for name in parts:
        refuse_apart(counted["train"], counted[name], name, where=paths[name][0])
    yield from compare_labels(counted)
    if line := repeated_line(repeated_ids(parts["train"])):
        yield f"train: {line}"
    for name in parts:
        shared = shared_ids(parts["train"], parts[name]) if name != "train" else []
        if shared:
            ids = "1 id stands" if len(shared) == 1 else f"{len(shared):,} ids stand"
            yield f"{ids} in train and in {name}, such as {shared[0]!r}: one text may be in both"
    for name, examples in parts.items():
        if line := not_named_line(examples, NOT_NAMED[name == "train"]):
            yield f"{name}: {line}"


def files_of(names: str | None, role: str = "") -> list[Path]:
    """Find a part's file, or its several files with commas between them."""
    if names is None:
        raise InputError(
            f"no {role} documents", hint=f"give --{role} FILE or set {role}: in a recipe"
        )
    whole = Path(names)
    one = whole.exists() or "," not in names
    return [find_data(name) for name in ([names] if one else names.split(",")) if name.strip()]


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
    others = (*documents.dev, *documents.test)
    units = build_units(recipe, plugins, spec, documents.train, others=others, splitter=splitter)
    splitter, name, coverage, width = units.splitter, units.name, units.coverage, units.width
    known = has_widths(base_source.path)
    if known:
        units.refuse_low_coverage(recipe, plugins)
    base = gliner.read_model(base_source.path)
    if known is None and gliner.max_width_of(base) is not None:
        units.refuse_low_coverage(recipe, plugins)
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
    text_budget(swapped.model, documents.asked, recipe.max_length)
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
