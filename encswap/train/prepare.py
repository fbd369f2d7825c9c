"""Everything that training needs, made ready and checked before the first step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from encswap.data.input import find_data, shipped_name
from encswap.data.label_sets import (
    compare_labels,
    count_labels,
    not_named_line,
    refuse_apart,
    repeated_ids,
    repeated_line,
    shared_ids,
    with_file_labels,
    without_labels,
)
from encswap.data.notes import Notes
from encswap.data.readers import open_examples, options_of
from encswap.data.split import split_dev
from encswap.data.tasks import (
    KINDS,
    Kind,
    Schema,
    compare_tasks,
    first_with,
    schema_of,
    with_values,
)
from encswap.data.units import CachedSplitter, Coverage, measure_coverage, suggest_max_width
from encswap.errors import InputError, located
from encswap.evaluate.prompts import text_budget
from encswap.evaluate.retention import SHIPPED, read_sets
from encswap.gliner import model as gliner
from encswap.gliner.extraction import refuse_missing_heads
from encswap.gliner.schema import EntitySchema
from encswap.gliner.text_form import TextForm
from encswap.gliner.training import (
    add_adapters,
    checkpoint_gradients,
    halve_encoder,
    set_label_renaming,
    use_flash_attention,
)
from encswap.plugins import Plugins
from encswap.recipe import Recipe, encoder_of
from encswap.safety.guard import unguarded
from encswap.swap.assemble import KEPT, keep_encoder, prove, swap_encoder
from encswap.swap.load import redraw
from encswap.train.alignment import KEEP_HEADS, align_encoder, refuse_alignment
from encswap.train.self_distillation import TeacherQuestions, read_questions
from encswap.types import EncoderSpec, Example, Source, Watcher, descriptions_of, labels_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Units:
    """A run's word splitter, and what its units can express of the training documents."""

    splitter: CachedSplitter
    name: str
    coverage: Coverage
    width: int

    def refuse_low_coverage(self, recipe: Recipe, plugins: Plugins) -> None:
        """Refuse to train on gold that cannot be expressed: it would be trained as absent."""
        share = self.coverage.share(self.width) if self.coverage.mentions else 1.0
        if share < recipe.min_coverage and not recipe.allow_low_coverage:
            others = ", ".join(one for one in plugins.splitter_names if one != self.name)
            raise InputError(
                f"splitter {self.name!r} at width {self.width} can express {share:.1%} of the "
                f"training mentions, less than {recipe.min_coverage:.0%}; the rest would be "
                "trained as absent",
                hint=f"choose another --splitter ({others}) or pass --allow-low-coverage",
            )


def check_settings(recipe: Recipe) -> None:
    """Refuse settings that contradict each other."""
    encoder_of(recipe)
    refuse_alignment(recipe)
    _refuse_idle_teacher(recipe)
    if recipe.strategy == "keep" and (own := text_form_of(recipe)):
        raise InputError(
            f"{own.names[0]}: strategy keep leaves the base's encoder to read as it does",
            hint=f"leave {own.names[0]} out, or choose another --strategy",
        )
    if recipe.average_with_start and recipe.strategy == "lora":
        raise InputError(
            "average_with_start: with lora the weights before training are kept as they are",
            hint="lower lora_alpha, or take the strategy surgical",
        )


def _refuse_idle_teacher(recipe: Recipe) -> None:
    """Refuse settings of a teacher that teaches nothing."""
    given = {"distill_texts": recipe.distill_texts, "distill_labels": recipe.distill_labels}
    named = [name for name, value in given.items() if value]
    if named and not recipe.distill_start:
        raise InputError(
            f"{named[0]} is given, and distill_start is 0: no teacher is asked",
            hint="set distill_start, such as 0.5, or leave it out",
        )


def text_form_of(recipe: Recipe) -> TextForm:
    """How the swapped encoder reads units."""
    return TextForm(recipe.special_ends, recipe.keep_case, recipe.running_text)


def build_units(
    recipe: Recipe,
    plugins: Plugins,
    spec: EncoderSpec,
    train: tuple[Example, ...],
    *,
    others: tuple[Example, ...] = (),
    splitter: CachedSplitter | None = None,
) -> Units:
    """Build the recipe's splitter and measure what it expresses of the training documents.

    `splitter` is the recipe's, where another run has cut texts with it already.
    """
    name = recipe.splitter or spec.word_splitter
    splitter = splitter or CachedSplitter(plugins.splitter(name, **recipe.splitter_options))
    splitter.prepare([example.text for example in (*train, *others)])
    coverage = measure_coverage([with_values(example) for example in train], splitter)
    width = suggest_max_width(coverage) if recipe.max_width == "auto" else recipe.max_width
    return Units(splitter, name, coverage, width)


def has_widths(base: str | Path) -> bool | None:
    """Whether a base's head scores spans up to a width, by its config alone; None if not known."""
    if base == "mini":
        return True
    try:
        config = json.loads((Path(base) / "config.json").read_text(encoding="utf-8"))
        return str(unguarded(config).get("architecture", "span")) == "span"
    except (OSError, ValueError, AttributeError):
        return None


NOT_NAMED = ("what is found of it there counts as wrong", "they are trained as holding none")


@dataclass(frozen=True)
class HeldOut:
    """Labels that training never sees, the test documents with their gold, and what to ask for."""

    labels: tuple[str, ...]
    test: tuple[Example, ...]
    asked: EntitySchema


@dataclass(frozen=True)
class Documents:
    """Train, dev and test documents, what is asked of them, and the files' checksums.

    `remarks` say what a reader of the scores must know of the documents; `kept` are the sets on
    which retention is scored, by name.
    """

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    asked: EntitySchema
    checksums: Mapping[str, str]
    remarks: tuple[str, ...] = ()
    schema: Schema = field(default_factory=Schema)
    held_out: HeldOut | None = None
    replay: tuple[Example, ...] = ()
    questions: TeacherQuestions | None = None
    kept: Mapping[str, Sequence[Example]] = field(default_factory=dict)

    @property
    def selects_by(self) -> tuple[str, ...]:
        """The tasks whose scores can choose an epoch, entities first."""
        kinds = {
            "entities": any(one.gold for one in self.train),
            "classifications": self.schema.classifications,
            "relations": self.schema.relations,
            "structures": self.schema.structures,
        }
        return tuple(kind for kind, held in kinds.items() if held)


@dataclass(frozen=True)
class Ready:
    """A swapped, proven model with its base, its splitter and what the units can express.

    Where strategy keep swaps nothing, `encoder_source` is the base's.
    """

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
    schemas = {name: schema_of(examples) for name, examples in parts.items()}
    remarks = [*map(str, notes), *_compare(parts, paths), *_tasks_remarks(schemas, parts, paths)]
    held_out = _held_out(recipe, parts, paths["test"][0])
    for name, examples in parts.items() if held_out else ():
        parts[name] = [without_labels(one, recipe.held_out_labels) for one in examples]
    replay = _replay(recipe, notes, sums)
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
    asked = EntitySchema(labels, descriptions_of(train) if recipe.descriptions else {})
    schema = schema_of([*train, *dev, *test])
    documents = Documents(
        tuple(train),
        tuple(dev),
        tuple(test),
        asked,
        sums,
        tuple(remarks),
        schema,
        held_out,
        replay,
        read_questions(recipe, train, sums),
        read_sets(recipe.retention_data) if recipe.measures_retention else {},
    )
    if recipe.select_by not in ("auto", "mean", *documents.selects_by):
        raise InputError(
            f"select_by is {recipe.select_by}, and the documents have "
            f"{', '.join(documents.selects_by)}",
            where=paths["train"][0],
            hint="choose one of these, or auto",
        )
    return documents


def _held_out(
    recipe: Recipe, parts: Mapping[str, Sequence[Example]], where: Path
) -> HeldOut | None:
    """Take the labels out that training must not see; refuse one that test has no gold of."""
    held = recipe.held_out_labels
    if not held:
        return None
    counted = count_labels(parts["test"])
    for label in held:
        if not counted.get(label):
            raise InputError(
                f"held_out_labels: {label!r} has no mention in the test documents",
                where=where,
                hint=f"choose of {', '.join(label for label, n in counted.items() if n)}",
            )
    labels = tuple(labels_of([*parts["train"], *parts["test"]]))
    if set(labels) <= set(held):
        raise InputError("held_out_labels: no label is left to train", where=where)
    texts = descriptions_of(parts["train"]) if recipe.descriptions else {}
    return HeldOut(held, tuple(parts["test"]), EntitySchema(labels, texts))


def _replay(recipe: Recipe, notes: Notes, sums: dict[str, str]) -> tuple[Example, ...]:
    """Read the documents to be replayed, each to be asked for the labels of its own file."""
    if recipe.replay is None:
        return ()
    found: list[Example] = []
    for place, path in enumerate(files_of(recipe.replay, "replay"), start=1):
        reading = open_examples(path, options=options_of(recipe), notes=notes)
        found += with_file_labels(reading.read())
        sums["replay" if place == 1 else f"replay {place}"] = reading.checksum()
        if shipped_name(reading.checksum()) in SHIPPED.values():
            raise InputError(
                "retention is scored on these documents: replayed, they would tell nothing",
                where=path,
                hint="replay other documents",
            )
    return tuple(found)


def _tasks_remarks(
    schemas: Mapping[str, Schema],
    parts: Mapping[str, Sequence[Example]],
    paths: Mapping[str, Sequence[Path]],
) -> Iterator[str]:
    """Say which tasks the parts do not share, and which are trained and not scored."""

    def place(part: str, kind: Kind, name: str) -> str:
        first = first_with(parts[part], kind, name)
        if first is None or len(paths[part]) > 1:  # an example does not know its file
            return ""
        return located(paths[part][0], first.line)

    yield from compare_tasks(schemas, place)
    unscored = dict.fromkeys(name for schema in schemas.values() for name in schema.unscored)
    if unscored:
        yield (
            f"relations with other arguments than head and tail are trained and not scored, for "
            f"gliner2 returns none: {', '.join(unscored)}"
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
    if not marked and not any(any(one.tasks.get(kind) for kind in KINDS) for one in examples):
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
    held = [kind for kind in KINDS if documents.schema.names[kind]]
    refuse_missing_heads(base, held, _place_in(documents, recipe))
    if recipe.strategy == "keep":
        own = gliner.read_model(base_source.path)
        method, swapped = KEPT, keep_encoder(own, splitter=splitter, max_width=width)
    else:
        encoder = plugins.load_encoder(spec, encoder_source)
        scratch = recipe.strategy == "scratch"
        method = "random" if scratch else recipe.embeddings
        swapped = swap_encoder(
            base,
            redraw(encoder, recipe.seed) if scratch else encoder,
            plugins,
            splitter=splitter,
            name=encoder_source.identifier,
            max_width=width,
            method=method,
            heads="kept" if recipe.strategy in KEEP_HEADS else "fresh",
            seed=recipe.seed,
            token_pooling=recipe.token_pooling,
            text_form=text_form_of(recipe),
        )
    text_budget(swapped.model, documents.asked, recipe.max_length)
    if recipe.strategy in (*KEEP_HEADS, "keep"):
        prove(swapped.model, base, splitter)
    model, base = gliner.put_on_device(swapped.model), gliner.put_on_device(base)
    if recipe.precision == "bf16-encoder":
        halve_encoder(model)
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


def _place_in(documents: Documents, recipe: Recipe) -> Callable[[str], str]:
    """Where training first holds a task: file and line, the file alone where that is not known."""

    def place(kind: str) -> str:
        first = next((one for one in documents.train if one.tasks.get(kind)), None)
        alone = first is not None and "," not in str(recipe.train)
        return located(str(recipe.train), first.line if first and alone else None)

    return place


def set_up(model: PreTrainedModel, recipe: Recipe) -> None:
    """Set a model up for training as the recipe says."""
    set_label_renaming(model, recipe.synthetic_labels, recipe.synthetic_classes)
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
