"""encswap from Python: `check`, `swap`, `train`, `evaluate`, `predict`.

Each does what the command of its name does and returns what that prints as JSON. Nothing is written
to the terminal; `verbose` logs stages and epochs under the name `encswap`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from encswap.api.outcomes import (
    CheckOutcome,
    EvaluateResult,
    PredictedText,
    PredictResult,
    SwapResult,
    TrainResult,
)
from encswap.errors import EncswapError, InputError
from encswap.types import Epoch, Prediction, Unwatched, Watcher

if TYPE_CHECKING:
    from encswap.recipe import Recipe
    from encswap.types import Depth, Scale

log = logging.getLogger("encswap")


class LoggingWatcher(Unwatched):
    """Writes the stages of a run to the log `encswap`, at level INFO."""

    def stage(self, name: str) -> None:
        """Log a new stage."""
        log.info("%s", name)

    def epoch(self, record: Epoch, improved: bool) -> None:
        """Log an epoch's scores."""
        better = ", best so far" if improved else ""
        log.info("epoch %d: dev F1 %.4f%s", record.epoch, record.dev_f1, better)

    def stopped(self, reason: str) -> None:
        """Log why training ends early."""
        log.info("%s", reason)

    def remark(self, text: str) -> None:
        """Log what a reader of the scores must know."""
        log.warning("%s", text)


class Extractor(Protocol):
    """What finds entities: a run in torch or an export without it."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the model was trained for."""

    @property
    def threshold(self) -> float:
        """The probability from which a span is extracted."""

    def predict(
        self,
        texts: str | Iterable[str],
        labels: Sequence[str] | None = None,
        *,
        threshold: float | None = None,
        flat: bool = False,
        batch_size: int = 16,
    ) -> list[list[Prediction]]:
        """Find entities in texts of any length."""


def check(
    *encoders: str,
    base: str | None = None,
    data: str | Path | None = None,
    depth: Depth = "facts",
    criteria: str = "plan",
    scale: Scale = "full",
    allow_pickle: Sequence[str] = (),
) -> CheckOutcome:
    """Judge which encoders fit a base; all registered ones where none is named.

    `depth` is facts, config, forward or weights; `scale="mini"` looks at small models and needs no
    download. Raises `EncswapError` as the command does.
    """
    from encswap.check.criteria import load_criteria
    from encswap.check.verdicts import Request, run_checks
    from encswap.plugins import load_plugins
    from encswap.types import CheckContext

    judged_by, plugins = load_criteria(criteria), load_plugins()
    wanted = str(data) if data else (judged_by.sample if depth != "facts" else "")
    context = CheckContext(depth=depth)
    if wanted:
        from encswap.data.input import find_data
        from encswap.data.readers import read_examples

        examples = tuple(read_examples(find_data(wanted)))
        context = CheckContext(
            depth=depth,
            examples=examples,
            splitters=_splitters(plugins),
            training_examples=len(examples) if data else None,
            words=judged_by.words,
        )
    request = Request(
        names=list(encoders or plugins.encoders),
        base=base or ("mini" if scale == "mini" else judged_by.base or load_criteria("plan").base),
        criteria=judged_by,
        context=context,
        scale=scale,
        allow_pickle=tuple(allow_pickle),
    )
    with _quiet(depth != "facts"):
        return CheckOutcome(run_checks(request, plugins, find=_finder(plugins, depth, scale)))


def swap(
    encoder: str,
    out: str | Path,
    *,
    scale: Scale = "full",
    data: str | Path | None = None,
    allow_pickle: bool = False,
    verbose: bool = False,
    **fields: Any,
) -> SwapResult:
    """Put an encoder into a base, prove it, and write the checkpoint into a new folder.

    `fields` are those of the recipe: `base`, `embeddings`, `splitter`, `max_width`, `seed`,
    `alignment`, which looks at the texts of `data`.
    """
    from encswap.data.input import find_data
    from encswap.data.readers import read_examples
    from encswap.models import find_models
    from encswap.plugins import load_plugins
    from encswap.testing.mini.build import build_mini
    from encswap.train.run import write_swap
    from encswap.train.run_folder import refuse_full

    recipe = _recipe(None, {**fields, "encoder": encoder, "scale": scale})
    if recipe.alignment != "none" and data is None:
        raise InputError("alignment needs texts", hint="give data=FILE")
    refuse_full(Path(out))
    examples = list(read_examples(find_data(str(data)))) if data is not None else []
    plugins, watcher = load_plugins(), _watcher(verbose)
    with _quiet():
        models = find_models(
            plugins,
            watcher,
            base=recipe.base,
            encoder=encoder,
            scale=scale,
            allow_pickle=allow_pickle,
            build_mini=build_mini,
        )
        manifest = write_swap(
            recipe,
            plugins,
            models.spec,
            base_source=models.base,
            encoder_source=models.encoder,
            out=Path(out),
            examples=examples,
            watcher=watcher,
        )
    return SwapResult(Path(out), manifest)


def train(
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    *,
    out: str | Path | None = None,
    allow_pickle: bool = False,
    verbose: bool = False,
    watcher: Watcher | None = None,
    callbacks: Sequence[Any] = (),
    **fields: Any,
) -> TrainResult:
    """Swap an encoder into a base, train, choose epoch and threshold on dev, score test once.

    `recipe` is a `Recipe`, a YAML file or a mapping; `fields` override it, such as
    `encoder="ko-deberta", train="train.jsonl"`. `verbose` writes stages and epochs to the log
    `encswap`; a `watcher` of your own is called with every stage, step and epoch. `callbacks` are
    `transformers.TrainerCallback`s, instances or classes, beside the run's own.
    """
    from encswap.plugins import load_plugins
    from encswap.testing.mini.build import build_mini
    from encswap.train.run import RunOptions, default_folder, run_recipe

    chosen = _recipe(recipe, fields)
    if chosen.encoder is None:
        raise InputError("no encoder", hint="give encoder=NAME; `encswap.check()` compares them")
    folder = Path(out) if out is not None else default_folder(chosen.encoder)
    _refuse_no_callbacks(callbacks)
    options = RunOptions(
        allow_pickle=allow_pickle, build_mini=build_mini, callbacks=tuple(callbacks)
    )
    with _quiet():
        metrics = run_recipe(chosen, folder, load_plugins(), watcher or _watcher(verbose), options)
    _draw_page(folder)
    return TrainResult(metrics, folder)


def _draw_page(folder: Path) -> None:
    """Write the run's page; one that fails costs nobody the run."""
    from encswap.files import write_text
    from encswap.report.page import write_page
    from encswap.report.run_results import read_run
    from encswap.report.texts import Texts

    try:
        write_text(folder / "report.html", write_page(read_run(folder), Texts.read("en")))
    except EncswapError as error:
        log.warning("no report: %s", error)


def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    threshold: float | None = None,
    labels: Sequence[str] = (),
) -> EvaluateResult:
    """Score a run, a checkpoint, a base or a tagger on labelled documents.

    The threshold is the model's own.
    """
    from encswap.gliner.schema import distinct_labels
    from encswap.rivals.any_model import score_model

    _refuse_threshold(threshold)
    asked = distinct_labels(labels, "labels")
    with _quiet():
        return EvaluateResult(score_model(model, str(data), threshold, asked))


def predict(
    model: str | Path | Extractor,
    texts: str | Iterable[str],
    labels: Sequence[str] | None = None,
    *,
    threshold: float | None = None,
    flat: bool = False,
    batch_size: int = 16,
) -> PredictResult:
    """Find entities in texts of any length, with a run, a checkpoint, an export or a loaded model.

    `flat` keeps one label a span. To ask often, load once: `model = encswap.api.open_model(path)`.
    """
    found = [texts] if isinstance(texts, str) else list(texts)
    loaded = open_model(model) if isinstance(model, str | Path) else model
    spans = loaded.predict(found, labels, threshold=threshold, flat=flat, batch_size=batch_size)
    return PredictResult(
        tuple(PredictedText(text, tuple(one)) for text, one in zip(found, spans, strict=True))
    )


def open_model(folder: str | Path) -> Extractor:
    """Load what `predict` and `serve` ask: a run or a checkpoint in torch, or an export.

    A checkpoint that encswap wrote may be named by its hub id.
    """
    from encswap.runtime.description import is_export

    path = Path(folder).expanduser()
    if is_export(path):
        from encswap.runtime.runner import load

        return load(path)
    from encswap.models import find_checkpoint

    path = find_checkpoint(folder)
    from encswap.evaluate.predict import Saved

    with _quiet():
        return Saved.read(path)


def _recipe(given: Recipe | Mapping[str, Any] | str | Path | None, fields: Any) -> Recipe:
    from encswap.recipe import Recipe, read_recipe

    path, base = None, {}
    if isinstance(given, str | Path):
        path = Path(given)
    elif isinstance(given, Recipe):
        base = given.model_dump()
    elif given is not None:
        base = dict(given)
    values = {**base, **{key: _plain(value) for key, value in fields.items()}}
    return read_recipe(path, values)


def _refuse_no_callbacks(callbacks: Sequence[Any]) -> None:
    """The Trainer would say so after everything is loaded."""
    if not callbacks:
        return
    from transformers import TrainerCallback

    for one in callbacks:
        kind = one if isinstance(one, type) else type(one)
        if not issubclass(kind, TrainerCallback):
            raise InputError(
                f"{kind.__name__} is no callback of the Trainer",
                where="callbacks",
                hint="derive it from transformers.TrainerCallback",
            )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _refuse_threshold(threshold: float | None) -> None:
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InputError(f"{threshold} is no threshold", hint="0 < it < 1")


def _watcher(verbose: bool) -> Watcher:
    return LoggingWatcher() if verbose else Unwatched()


@contextmanager
def _quiet(heavy: bool = True) -> Iterator[None]:
    """Keep libraries quiet, where any of them will be imported."""
    if not heavy:
        yield
        return
    from encswap.quiet import quiet

    with quiet():
        yield


def _splitters(plugins: Any) -> dict[str, Any]:
    """Every splitter that can be built; one whose package is missing is logged and left out."""
    found = {}
    for name in plugins.splitter_names:
        try:
            found[name] = plugins.splitter(name)
        except Exception as error:
            log.warning("splitter %r is left out: %s", name, error)
    return found


def _finder(plugins: Any, depth: str, scale: str) -> Any:
    """Where files come from when a candidate's own are out of reach."""
    from encswap.models import MINI_BASE, resolve, spec_of

    def built(name: str) -> Any:
        from encswap.testing.mini.build import build_mini
        from encswap.testing.mini.encoders import mini_encoder

        if name == MINI_BASE:
            build_mini(plugins, Unwatched())
        else:
            mini_encoder(spec_of(name, plugins))
        return resolve(name, plugins, scale="mini")

    def recorded(name: str) -> Any:
        from encswap.testing.mini.encoders import recorded_folder
        from encswap.types import Source

        spec = spec_of(name, plugins)
        return Source(spec.name, recorded_folder(spec), "mini", f"recorded/{spec.name}")

    if scale == "mini":
        return built
    return recorded if depth in {"forward", "weights"} else None
