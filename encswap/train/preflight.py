"""What is looked at before a run, cheap things first: nothing is written and no weight is read.

A run stops at the first thing that refuses it. A dry run goes on and reports every one, and where
none refuses the run, a few steps are timed (`timing`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from encswap import distributed as processes
from encswap.check.evidence import Evidence, gather
from encswap.data.units import CachedSplitter, measure_coverage
from encswap.errors import EncswapError, InputError, SourceError, SwapError
from encswap.models import MINI_BASE, refuse_no_model, resolve, spec_of
from encswap.plugins import Plugins
from encswap.recipe import Recipe
from encswap.train.cost import LEAST_STATES, STATES, format_bytes, free_bytes, weights_of
from encswap.train.prepare import (
    Documents,
    Units,
    build_units,
    check_settings,
    has_widths,
    read_documents,
)
from encswap.train.run_folder import refuse_taken
from encswap.train.trackers import trackers
from encswap.types import Source, Subject, Unwatched, Watcher, labels_of

if TYPE_CHECKING:
    from encswap.check.memory import Memory

Status = Literal["pass", "warn", "fail", "skip"]
WEIGHT_COPIES = 4
"""Weights, gradients and Adam's two moments: what training holds whatever the documents are."""


@dataclass(frozen=True)
class PreflightCheck:
    """One thing that was looked at."""

    name: str
    status: Status
    message: str


@dataclass
class Preflight:
    """What was found before a run; documents and units are what the run goes on with.

    `error` is the first that refuses the run.
    """

    recipe: Recipe
    path: Path
    plugins: Plugins
    collect: bool = False
    checks: list[PreflightCheck] = field(default_factory=list)
    error: EncswapError | None = None
    documents: Documents | None = None
    units: Units | None = None
    base: Source | None = None
    encoder: Source | None = None

    def add(self, name: str, message: str, status: Status = "pass") -> None:
        """Note what was found."""
        self.checks.append(PreflightCheck(name, status, " ".join(message.split())))

    @contextmanager
    def checking(self, name: str) -> Iterator[None]:
        """Let what refuses the run stop it; a dry run notes it and goes on."""
        try:
            yield
        except EncswapError as error:
            if not self.collect:
                raise
            self.add(name, str(error), "fail")
            self.error = self.error or error

    @property
    def warnings(self) -> list[PreflightCheck]:
        """What a person should know who starts the run."""
        return [one for one in self.checks if one.status == "warn"]


def look_ahead(
    recipe: Recipe,
    path: Path,
    plugins: Plugins,
    watcher: Watcher | None = None,
    *,
    new: bool = True,
    splitter: CachedSplitter | None = None,
    collect: bool = False,
) -> Preflight:
    """Look at everything that may refuse a run, before a weight is read or a folder made.

    `new` is False for a run that goes on in its own folder; `collect` reports every refusal where
    otherwise the first is raised.
    """
    watcher = watcher or Unwatched()
    found = Preflight(recipe, path, plugins, collect)
    _look_at_settings(found, new=new)
    _look_at_documents(found, watcher)
    if found.documents is not None:
        _look_at_units(found, watcher, splitter)
    _look_at_models(found)
    _look_at_device(found)
    if processes.is_main():
        _look_at_disk(found)
    return found


def _look_at_settings(found: Preflight, *, new: bool) -> None:
    recipe = found.recipe
    with found.checking("tracker"):
        found.add("tracker", ", ".join(trackers(recipe)) or "none")
    with found.checking("settings"):
        check_settings(recipe)
    if new and processes.is_main():
        with found.checking("folder"):
            refuse_taken(found.path)
            found.add("folder", f"{found.path} is free")
    for role, name in (("encoder", recipe.encoder), ("base", recipe.base)):
        if name is not None:
            with found.checking(role):
                spec_of(name, found.plugins)
                refuse_no_model(name)


def _look_at_documents(found: Preflight, watcher: Watcher) -> None:
    """Read the documents, and compare the labels of train, dev and test with each other."""
    watcher.stage("read documents")
    with found.checking("documents"):
        documents = found.documents = read_documents(found.recipe)
        parts = {"train": documents.train, "dev": documents.dev, "test": documents.test}
        taken = found.recipe.dev is None and found.recipe.protocol == "dev"
        counts = ", ".join(f"{name} {len(part):,}" for name, part in parts.items())
        found.add("documents", counts + (" (dev is taken from train)" if taken else ""))
        labels = labels_of(documents.train)
        found.add("labels", f"{len(labels)} in train: {', '.join(labels[:12])}")
        for remark in documents.remarks:
            found.add("documents", remark, "warn")


def _look_at_units(found: Preflight, watcher: Watcher, splitter: CachedSplitter | None) -> None:
    recipe, documents = found.recipe, found.documents
    assert documents is not None
    with found.checking("splitter"):
        try:
            spec = spec_of(recipe.encoder or recipe.base, found.plugins)
        except EncswapError:
            return  # the check of the encoder has refused it already
        watcher.stage(f"cut words with {recipe.splitter or spec.word_splitter}")
        others = (*documents.dev, *documents.test)
        units = found.units = build_units(
            recipe, found.plugins, spec, documents.train, others=others, splitter=splitter
        )
        if has_widths(recipe.base):
            units.refuse_low_coverage(recipe, found.plugins)
        share = units.coverage.share(units.width)
        test = measure_coverage(documents.test, units.splitter).share(units.width)
        found.add(
            "splitter",
            f"{units.name} at width {units.width} expresses {share:.1%} of the train mentions, "
            f"{test:.1%} of the test mentions",
            "pass" if share >= recipe.min_coverage else "warn",
        )


def _look_at_models(found: Preflight) -> None:
    """Reach both models' small files and compare the sizes that must be equal."""
    if any(one.status == "fail" and one.name in ("encoder", "base") for one in found.checks):
        return
    recipe, sides = found.recipe, {}
    named = {"encoder": recipe.encoder, "base": recipe.base}
    for role, name in named.items():
        if name is None or (role == "encoder" and recipe.strategy == "keep"):
            continue
        with found.checking(role):
            source = _small_files(name, found)
            if source is None:
                found.add(role, f"the mini {name} is built when the run begins", "skip")
                continue
            setattr(found, role, source)
            evidence = gather(Subject(spec_of(name, found.plugins), source), "config")
            _refuse_no_files(evidence, source)
            if role == "base":
                _refuse_no_base(source)
            sides[role] = evidence
            found.add(role, _describe(source, evidence))
    if len(sides) == 2:
        with found.checking("encoder"):
            _refuse_other_size(sides["base"], sides["encoder"], found.encoder)
    if recipe.strategy == "keep":
        found.encoder = found.base
    trained = sides.get("base" if recipe.strategy == "keep" else "encoder")
    if trained is not None:
        _look_at_memory(found, trained)


def _small_files(name: str, found: Preflight) -> Source | None:
    """Config and tokenizer of a model; None where it is a mini model that is not built yet."""
    scale = found.recipe.scale
    mini = name == MINI_BASE or (
        scale == "mini" and name != found.recipe.base and name in found.plugins.encoders
    )
    try:
        if name == found.recipe.base:
            return resolve(name, found.plugins, need="metadata")
        return resolve(name, found.plugins, scale=scale, need="metadata")
    except SourceError:
        if mini:
            return None
        raise


def _refuse_no_files(evidence: Evidence, source: Source) -> None:
    for fault in evidence.faults:
        if fault.code == "files":
            raise SourceError(fault.message, where=source.path)


def _refuse_no_base(source: Source) -> None:
    for name in ("config.json", "encoder_config/config.json"):
        if not (source.path / name).is_file():
            raise SourceError(
                f"no {name}, so this is no GLiNER2 checkpoint",
                where=source.path,
                hint="give a folder saved by gliner2, a hub id, or `--base mini`",
            )


def _describe(source: Source, evidence: Evidence) -> str:
    """Say what a model is, and what of it is fetched first."""
    parts = [source.identifier, evidence.config_class or "unknown class"]
    if evidence.parameters:
        parts.append(f"{evidence.parameters / 1e6:.1f} M parameters in the encoder")
    missing = bytes_to_download(source)
    return ", ".join(parts) + (f"; {format_bytes(missing)} to download" if missing else "")


def bytes_to_download(source: Source) -> int:
    """Bytes of a model's weights that are not here yet."""
    if source.kind != "hub":
        return 0
    weights = {name: size for name, size in source.files.items() if name.endswith(".safetensors")}
    return sum(size for name, size in weights.items() if not (source.path / name).is_file())


def _refuse_other_size(base: Evidence, encoder: Evidence, source: Source | None) -> None:
    want, have = base.hidden_size, encoder.hidden_size
    if want and have and want != have and source is not None:
        raise SwapError(
            f"{source.identifier} has hidden size {have}, the base's heads read {want}",
            hint="choose an encoder of the base's hidden size; `encswap check` lists them",
        )


def _look_at_device(found: Preflight) -> None:
    """Name the device and the number format."""
    import torch

    from encswap.train.trainer import precision_of, precision_remark, refuse_precision

    with found.checking("device"):
        refuse_precision(found.recipe)
        count = processes.world_size()
        cuda = torch.cuda.is_available()
        device = torch.cuda.get_device_name() if cuda else "CPU"
        message = f"{device}, {precision_of(found.recipe)}"
        message += f", {count} processes" if count > 1 else ""
        slow = not cuda and found.recipe.scale == "full"
        found.add("device", message + (": torch sees no GPU" if slow else ""))
        if remark := precision_remark(found.recipe):
            found.add("device", remark, "warn")


def _look_at_memory(found: Preflight, encoder: Evidence) -> None:
    """Compare what training takes by estimate with what the device has.

    What the weights take is certain; activations are estimated for documents of full length.
    """
    from encswap.check.memory import RUNTIME_BYTES
    from encswap.train.fit import (
        device_memory,
        estimate_memory,
        fitting_batch,
        teacher_source,
    )

    count = (weights_of(found.recipe, found.plugins) or 0) // 4 or encoder.parameters
    if not count:
        return
    recipe, room = found.recipe, device_memory()
    source = teacher_source(recipe)
    sizes = encoder.config, recipe.batch_size, recipe.max_length
    need = estimate_memory(count, *sizes, distill_from=source)
    with found.checking("memory"):
        _refuse_heavy(recipe, need, room)
        message = (
            f"about {format_bytes(need.total)} in training, {format_bytes(room)} on the device"
        )
        if source:
            more = need.total - estimate_memory(count, *sizes).total
            message += f"; {format_bytes(more)} of it for the teacher of distill_start"
        if need.total + RUNTIME_BYTES <= room:
            found.add("memory", message)
            return
        fits = fitting_batch(count, *sizes, room, distill_from=source)
        way = f"batch_size {fits} would" if fits else "no batch would; take a smaller encoder"
        found.add("memory", f"{message}: documents of full length may not fit, {way}", "warn")


def _refuse_heavy(recipe: Recipe, need: Memory, room: float) -> None:
    if recipe.strategy != "lora" and need.weights * WEIGHT_COPIES > room:
        raise InputError(
            f"the weights with their gradients and moments take "
            f"{format_bytes(need.weights * WEIGHT_COPIES)}, the device has {format_bytes(room)}",
            hint="choose a smaller encoder, --strategy lora, or a larger device",
        )


def _look_at_disk(found: Preflight) -> None:
    size = weights_of(found.recipe, found.plugins)
    if size is None:
        found.add("disk", f"{format_bytes(free_bytes(found.path))} free", "skip")
        return
    free, need = free_bytes(found.path), STATES * size
    with found.checking("disk"):
        if free < LEAST_STATES * size:
            raise InputError(
                f"{format_bytes(free)} are free, a checkpoint takes {format_bytes(size)} and needs "
                "room for its successor",
                where=found.path,
                hint="make room, or give --out elsewhere",
            )
        message = f"up to {format_bytes(need)} while it trains, {format_bytes(free)} free"
        found.add("disk", message, "pass" if free >= need else "warn")
