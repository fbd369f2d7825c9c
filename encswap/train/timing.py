"""How long a run will take, from a few of its own steps."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field

from encswap import files
from encswap.evaluate.score import score_documents
from encswap.models import resolve, spec_of
from encswap.train.cost import Speed, seconds_of, updates_of
from encswap.train.fit import group_settings, shrink_table, teacher_of, training_samples
from encswap.train.preflight import Preflight, bytes_to_download
from encswap.train.prepare import Ready, make_ready
from encswap.train.samples import Samples
from encswap.types import Source, Unwatched, Watcher

SECONDS = 1.5
"""Of steps that are timed, once the first has warmed up."""
SLOW = 5.0
"""A first step that takes so long is taken as it is."""
SCORED = 8


@dataclass(frozen=True)
class Estimate:
    """Updates of an epoch and of the whole run, and its seconds; None where not known."""

    updates: int
    total: int
    seconds: float | None = None

    def price(self, per_hour: float | None) -> float | None:
        """What the run costs at a price per hour."""
        if per_hour is None or self.seconds is None:
            return None
        return self.seconds / 3600 * per_hour


class _Enough(Exception):  # noqa: N818 - no error: it ends the Trainer's loop
    """Enough steps have been timed."""


@dataclass
class _Clock:
    """Takes the time of each step; raises `_Enough` after the last that is wanted."""

    last: float = field(default_factory=time.monotonic)
    steps: list[float] = field(default_factory=list)

    def step(self, done: int, total: int, loss: float) -> None:
        """A step has ended."""
        del done, total, loss
        now = time.monotonic()
        self.steps.append(now - self.last)
        self.last = now
        if self.steps[0] > SLOW or sum(self.steps[1:]) > SECONDS:
            raise _Enough

    @property
    def seconds(self) -> float:
        """Seconds of a step; the first is left out where there are others."""
        steps = self.steps[1:] or self.steps
        return sum(steps) / len(steps)


def estimate(found: Preflight, watcher: Watcher | None = None) -> Estimate | None:
    """Time a few steps on a model that is thrown away; None where documents are not known.

    Where weights would have to be fetched or a mini model built, only the steps are counted.
    """
    documents, units = found.documents, found.units
    if documents is None or units is None:
        return None
    recipe, watcher = found.recipe, watcher or Unwatched()
    if found.base is None or found.encoder is None or not _at_hand(found.base, found.encoder):
        return _estimate(found, len(documents.train), None)
    watcher.stage("time a few steps")
    plugins = found.plugins
    ready = make_ready(
        recipe,
        documents,
        plugins,
        spec=spec_of(recipe.encoder or recipe.base, plugins),
        base_source=resolve(recipe.base, plugins),
        encoder_source=_encoder(found),
        splitter=units.splitter,
    )
    samples = training_samples(recipe, documents, ready)
    scoring = _time_scoring(found, ready)
    return _estimate(found, len(samples), Speed(_time_updates(found, ready, samples), scoring))


def _encoder(found: Preflight) -> Source:
    recipe = found.recipe
    if recipe.strategy == "keep" or recipe.encoder is None:
        return resolve(recipe.base, found.plugins)
    return resolve(recipe.encoder, found.plugins, scale=recipe.scale)


def _at_hand(*sources: Source) -> bool:
    return not any(bytes_to_download(one) for one in sources)


def _time_scoring(found: Preflight, ready: Ready) -> float:
    """Seconds of scoring one document."""
    assert found.documents is not None
    some = found.documents.dev[:SCORED]
    began = time.monotonic()
    score_documents(
        ready.model,
        some,
        found.documents.asked,
        ready.splitter,
        max_length=found.recipe.max_length,
    )
    return (time.monotonic() - began) / max(len(some), 1)


def _time_updates(found: Preflight, ready: Ready, samples: Samples) -> float:
    """Seconds of an update, by the Trainer's own loop."""
    from encswap.train.trainer import SwapTrainer

    recipe = found.recipe.model_copy(update={"gradient_accumulation": 1})
    assert found.documents is not None
    shrink_table(recipe, found.documents, ready, samples)
    groups = found.plugins.build_param_groups(ready.model, group_settings(recipe))
    clock = _Clock()
    with files.scratch("timing") as folder:
        trainer = SwapTrainer(
            ready.model,
            samples,
            groups,
            recipe,
            folder=folder,
            on_epoch=lambda *_: False,
            on_step=clock.step,
            teacher=teacher_of(recipe, found.documents, ready),
        )
        clock.last = time.monotonic()
        with suppress(_Enough):
            trainer.train()
    return clock.seconds * found.recipe.gradient_accumulation


def _estimate(found: Preflight, samples: int, speed: Speed | None) -> Estimate:
    recipe, documents = found.recipe, found.documents
    assert documents is not None
    updates = updates_of(recipe, samples)
    seconds = (
        None
        if speed is None
        else seconds_of(recipe, updates, len(documents.dev), len(documents.test), speed)
    )
    return Estimate(updates, updates * recipe.epochs, seconds)
