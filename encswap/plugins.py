"""Plugins: find the installed ones, load each, call its hooks, set aside what fails.

It reads from the top: find, record, isolate, load, call, validate. Every hook is called here,
through pluggy's own loop; each implementation is wrapped, so that a failure names its plugin and
costs only that one. A plugin is code with the user's rights: this guards against accidents, not
against malice.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import math
import os
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import pluggy

from encswap import API_VERSION, hookspecs
from encswap.errors import EncswapError, InputError, PluginError, UnknownNameError, one_line
from encswap.escaping import plain_json
from encswap.specs import faults_of_name, faults_of_spec
from encswap.timeouts import CallTimeoutError, call_within
from encswap.types import (
    DEPTHS,
    AdaptedEmbeddings,
    BaseSpec,
    CheckContext,
    EmbeddingTable,
    EncoderSpec,
    Finding,
    LoadedEncoder,
    ParamGroup,
    ParamGroupSettings,
    Source,
    SplitterFactory,
    Status,
    Subject,
    WordSplitter,
)

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
GROUP = "encswap"
LOAD_VARIABLE = "ENCSWAP_LOAD_PLUGINS"
TRACE_VARIABLE = "ENCSWAP_TRACE_PLUGINS"
TIMEOUT_VARIABLE = "ENCSWAP_PLUGIN_TIMEOUT"
API_NAME = "ENCSWAP_API"
OLDEST_API = 1
LOAD_SECONDS = 20.0
CHECK_FACTOR = 15
NOTICE_SECONDS = 10.0
MOST_FINDINGS = 1000
MOST_EVIDENCE = 10_000
DEFAULT_PLUGINS = (
    "encswap.swap.load",
    "encswap.check.catalogue",
    "encswap.gliner.splitters",
    "encswap.swap.embeddings",
    "encswap.train.groups",
)
HOOKS = tuple(name for name, value in vars(hookspecs).items() if hasattr(value, "encswap_spec"))
REGISTERING = ("register_encoders", "register_word_splitters")
WAY_AROUND = "uninstall the plugin, or name the others in ENCSWAP_LOAD_PLUGINS"


# -- find ------------------------------------------------------------------------------------


def installed_plugins() -> list[tuple[metadata.EntryPoint, PluginRecord]]:
    """List the installed plugins that `ENCSWAP_LOAD_PLUGINS` leaves, in the order of loading.

    encswap's own come first, so that nobody takes their names; then by distribution and name.
    """
    found = sorted(_entry_points(), key=lambda one: (one[1].distribution != GROUP, one[1].name))
    wanted = os.environ.get(LOAD_VARIABLE)
    if wanted is None:
        return found
    names = {name.strip() for name in wanted.split(",")}
    return [one for one in found if {one[1].name, one[1].distribution} & names]


def _entry_points() -> Iterator[tuple[metadata.EntryPoint, PluginRecord]]:
    """Read every distribution once, in the order of the import path.

    `metadata.entry_points` hides the second copy of a distribution; a person should see it.
    """
    seen: dict[str, tuple[str, Path]] = {}
    for distribution in metadata.distributions():
        text = distribution.read_text("entry_points.txt")
        if not text or f"[{GROUP}]" not in text:
            continue
        name, version = distribution.name, distribution.version
        place = Path(str(distribution.locate_file("")))
        first = seen.setdefault(name.lower().replace("_", "-"), (version, place))
        if first != (version, place) and first[0] == version:
            continue
        error = f"{name} is installed twice: {first[0]} in {first[1]} is used, " + (
            f"{version} in {place} is not; uninstall one"
        )
        for point in distribution.entry_points.select(group=GROUP):
            twice = error if first[0] != version else None
            yield point, PluginRecord(point.name, name, version, error=twice)


# -- record ----------------------------------------------------------------------------------


@dataclass
class PluginRecord:
    """What is known of one plugin: where it comes from, what it gives, what went wrong."""

    name: str
    distribution: str = ""
    version: str = ""
    hooks: list[str] = field(default_factory=list)
    encoders: list[str] = field(default_factory=list)
    splitters: list[str] = field(default_factory=list)
    error: str | None = None
    api: int | None = None
    remarks: list[str] = field(default_factory=list)

    def fail(self, error: str | BaseException) -> None:
        """Record the first failure as one line."""
        self.error = self.error or one_line(error)

    def remark(self, text: str) -> None:
        """Record, and log once, what breaks nothing but should be known."""
        if text not in self.remarks and self.name not in DEFAULT_PLUGINS:
            self.remarks.append(text)
            log.warning("encswap: plugin %r: %s", self.name, text)


def api_of(plugin: object) -> int | None:
    """The API version that a plugin, or the module of its class, was written for."""
    module = sys.modules.get(str(getattr(plugin, "__module__", "")))
    declared = getattr(plugin, API_NAME, getattr(module, API_NAME, None))
    if declared is None:
        return None
    if not isinstance(declared, int) or isinstance(declared, bool):
        raise PluginError(f"{API_NAME} is {declared!r}, not a whole number such as {API_VERSION}")
    spoken = f"{OLDEST_API} to {API_VERSION}" if OLDEST_API < API_VERSION else str(API_VERSION)
    if not OLDEST_API <= declared <= API_VERSION:
        raise PluginError(
            f"it is written for API {declared}, this encswap speaks API {spoken}",
            hint="upgrade encswap" if declared > API_VERSION else "upgrade the plugin",
        )
    return declared


# -- isolate ---------------------------------------------------------------------------------

log = logging.getLogger("encswap.plugins")  # ends on stderr where nobody set up another place


def load_seconds() -> float:
    """How long a plugin may take to be imported and registered; a check has a multiple of it."""
    text = os.environ.get(TIMEOUT_VARIABLE, "").strip() or str(LOAD_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < 1e6:
        raise InputError(
            f"{text!r} is no number of seconds", where=TIMEOUT_VARIABLE, hint="write for example 20"
        )
    return seconds


class _Stream:
    """Replaces stdout or stderr while a plugin runs: it writes to stderr, and stays open."""

    def __init__(self, stderr: Any) -> None:
        self.used, self._stderr = False, stderr

    def write(self, text: str) -> int:
        self.used = True
        written: int = self._stderr.write(text)
        return written

    def close(self) -> None:
        """Stay open."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stderr, name)


class _Streams:
    """Replaces stdout and stderr while plugins run, and restores them.

    `contextlib.redirect_stdout` restores what it found, which is wrong where calls overlap, and
    `check --all` calls from eight threads: here the first replaces them and the last restores.
    """

    def __init__(self) -> None:
        self._lock, self._depth = threading.Lock(), 0
        self._real: tuple[Any, Any] = (None, None)
        self.stdout = _Stream(None)

    @contextmanager
    def replaced(self) -> Iterator[_Stream]:
        with self._lock:
            if self._depth == 0:
                self._real, self.stdout = (sys.stdout, sys.stderr), _Stream(sys.stderr)
                sys.stdout, sys.stderr = self.stdout, _Stream(sys.stderr)
            self._depth += 1
        try:
            yield self.stdout
        finally:
            with self._lock:
                self._depth -= 1
                if self._depth == 0:
                    sys.stdout, sys.stderr = self._real


_STREAMS = _Streams()


@contextmanager
def isolated(record: PluginRecord, doing: str, what: str) -> Iterator[None]:
    """Keep stdout for results, restore the streams, and log which plugin is waited for."""
    notice = threading.Timer(
        NOTICE_SECONDS, log.warning, (f"encswap: waiting for plugin {record.name!r} in {what}",)
    )
    notice.daemon = True
    if record.name not in DEFAULT_PLUGINS:
        notice.start()
    with _STREAMS.replaced() as stdout:
        stdout.used = False
        try:
            yield
        finally:
            notice.cancel()
            printed = stdout.used
    if printed:
        record.remark(f"it prints while it {doing}")


# -- load ------------------------------------------------------------------------------------


def load_plugins(extra: Iterable[tuple[str, object]] = ()) -> Plugins:
    """Load the defaults, the installed plugins and `extra` ones, each on its own."""
    plugins = Plugins()
    seconds = load_seconds()
    for module in DEFAULT_PLUGINS:
        plugins.load(partial(importlib.import_module, module), PluginRecord(module))
    for point, record in installed_plugins():
        if (other := plugins.records.get(record.name)) is not None:
            places = f"{other.distribution!r} and in {record.distribution!r}"
            record.fail(f"plugin {record.name!r} is in {places}")
            record.name = f"{record.name} ({record.distribution} {record.version})"
        plugins.load(point.load, record, seconds)
    for name, plugin in extra:
        plugins.add(plugin, PluginRecord(name))
    return plugins


class Plugins:
    """The loaded plugins with the encoders, bases and splitters that they registered."""

    def __init__(self) -> None:
        self.records: dict[str, PluginRecord] = {}
        self.encoders: dict[str, EncoderSpec] = {}
        self.bases: dict[str, BaseSpec] = {}
        self.splitters: dict[str, SplitterFactory] = {}
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self._owners: dict[tuple[str, str], str] = {}
        self._unregistered: dict[str, str] = {}
        self._timed_out: set[str] = set()

    def add(self, plugin: object, record: PluginRecord) -> None:
        """Register one plugin and what it offers; a failure is recorded and the plugin left out."""
        self.load(lambda: plugin, record)

    def load(
        self, load: Callable[[], object], record: PluginRecord, seconds: float | None = None
    ) -> None:
        """Load and register one plugin within so many seconds; a failure costs only itself."""
        self.records[record.name] = record
        if record.error is not None:
            return
        try:
            # A filter that a plugin sets would turn everybody's warnings into errors.
            with warnings.catch_warnings(), isolated(record, "is imported", "its import"):
                _call(lambda: self._register(load(), record), seconds)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            record.fail(error)
            self._unregister(record)

    def _register(self, plugin: object, record: PluginRecord) -> None:
        if record.error is not None:  # it was given up, and goes on in a thread of its own
            return
        record.api = api_of(plugin)
        for name in dir(plugin):
            if (options := self.manager.parse_hookimpl_opts(plugin, name)) is not None:
                record.hooks.append(_checked_hook(getattr(plugin, name), name, options))
        self.manager.register(plugin, name=record.name)
        for caller in self.manager.get_hookcallers(plugin) or ():
            for one in caller.get_hookimpls():
                if one.plugin is plugin and caller.name not in REGISTERING:
                    self._wrap(one, caller.name, record)
        others = [p for n, p in self.manager.list_name_plugin() if n != record.name and p]
        alone = self.manager.subset_hook_caller
        _trace(record, REGISTERING)
        alone("register_encoders", others)(register=partial(self._take_spec, record))
        alone("register_word_splitters", others)(register=partial(self._take_splitter, record))

    def _take_spec(self, record: PluginRecord, spec: EncoderSpec) -> None:
        if fault := next(faults_of_spec(spec), ""):
            raise PluginError(fault)
        self._claim("encoder", spec.name, record)
        if isinstance(spec, BaseSpec):
            self.bases[spec.name] = spec
        else:
            self.encoders[spec.name] = spec
            record.encoders.append(spec.name)

    def _take_splitter(self, record: PluginRecord, name: str, factory: SplitterFactory) -> None:
        if fault := next(faults_of_name(name), ""):
            raise PluginError(fault)
        if not callable(factory):
            raise PluginError(f"splitter {name!r} needs a callable, got {type(factory).__name__}")
        self._claim("splitter", name, record)
        self.splitters[name] = factory
        record.splitters.append(name)

    def _claim(self, kind: str, name: str, record: PluginRecord) -> None:
        if record.error is not None:  # as in _register
            raise PluginError("set aside")
        owner = self._owners.setdefault((kind, name), record.name)
        again = name in (record.encoders if kind == "encoder" else record.splitters)
        if owner != record.name or again:
            raise PluginError(
                f"{kind} {name!r} is registered by plugin {owner!r} and by {record.name!r}",
                hint="one of them needs a new name",
            )

    def _unregister(self, record: PluginRecord) -> None:
        """Take back everything that a plugin registered."""
        for kind, name in [one for one, owner in self._owners.items() if owner == record.name]:
            self._unregistered[name] = record.name
            del self._owners[kind, name]
            for table in (self.encoders, self.bases) if kind == "encoder" else (self.splitters,):
                table.pop(name, None)
        record.encoders, record.splitters = [], []
        if self.manager.has_plugin(record.name):
            self.manager.unregister(name=record.name)

    @property
    def splitter_names(self) -> list[str]:
        """Every registered word splitter, by name."""
        return sorted(self.splitters)

    def owner_of(self, kind: str, name: str) -> PluginRecord | None:
        """The plugin that registered the `encoder` or `splitter` called `name`."""
        owner = self._owners.get((kind, name))
        return None if owner is None else self.records[owner]

    def failures(self) -> list[PluginRecord]:
        """The plugins that were set aside, or failed in a call."""
        return [record for record in self.records.values() if record.error is not None]

    def failed_with(self, name: str) -> PluginRecord | None:
        """The failed plugin that is called `name`, or that had registered it before it failed."""
        for record in self.failures():
            plain = record.name.partition(" (")[0]  # where two plugins have one name
            if name in (record.name, plain) or record.name == self._unregistered.get(name):
                return record
        return None

    # -- call --------------------------------------------------------------------------------

    def splitter(self, name: str, **options: Any) -> WordSplitter:
        """Build the word splitter called `name`."""
        owner = self.owner_of("splitter", name)
        if owner is None:
            raise UnknownNameError("splitter", name, self.splitter_names)
        build = partial(self.splitters[name], **options)
        splitter: WordSplitter = self._checked(owner, "splitter", build, {"name": name})
        return splitter

    def load_encoder(self, spec: EncoderSpec, source: Source) -> LoadedEncoder:
        """Load an encoder through the first plugin that takes it."""
        result: LoadedEncoder | None = self.manager.hook.load_encoder(spec=spec, source=source)
        return _required(result, f"load_encoder({spec.name})")

    def check_compatibility(
        self, base: Subject, candidate: Subject, context: CheckContext
    ) -> Iterator[Finding]:
        """Yield the findings of every plugin; one that fails is recorded, what it found is kept."""
        hook = self.manager.hook
        try:
            results = hook.check_compatibility(base=base, candidate=candidate, context=context)
        except _HookError as error:  # a wrapper's: a check alone never raises
            error.record.fail(error)
            self.manager.unregister(name=error.record.name)
            results = [self.check_compatibility(base, candidate, context)]
        for findings in results:
            yield from findings

    def adapt_embeddings(
        self,
        base: EmbeddingTable,
        candidate: EmbeddingTable,
        method: str,
        generator: torch.Generator,
    ) -> AdaptedEmbeddings:
        """Adapt the candidate's embeddings with the method called `method`."""
        result: AdaptedEmbeddings | None = self.manager.hook.adapt_embeddings(
            base=base, candidate=candidate, method=method, generator=generator
        )
        return _required(result, f"adapt_embeddings({method=})")

    def build_param_groups(
        self, model: torch.nn.Module, settings: ParamGroupSettings
    ) -> list[ParamGroup]:
        """Divide the model's trainable parameters into groups."""
        hook = self.manager.hook
        result: list[ParamGroup] | None = hook.build_param_groups(model=model, settings=settings)
        return _required(result, "build_param_groups()")

    # -- wrap --------------------------------------------------------------------------------

    def _wrap(self, one: pluggy.HookImpl, hook: str, record: PluginRecord) -> None:
        """Wrap an implementation: pluggy calls the wrapper, with every argument of the hook."""
        function, takes = one.function, one.argnames
        every = tuple(inspect.signature(getattr(hookspecs, hook)).parameters)
        run = self._findings if hook == "check_compatibility" else self._checked

        def call(*values: Any) -> Any:
            given = dict(zip(every, values, strict=True))
            return run(record, hook, lambda: function(*(given[name] for name in takes)), given)

        def wrap(*values: Any) -> Generator[None, Any, Any]:
            given = dict(zip(every, values, strict=True))
            try:
                result = yield from _once(function(*(given[name] for name in takes)))
            except (KeyboardInterrupt, GeneratorExit):
                raise
            except BaseException as error:
                if isinstance(error, EncswapError) and hook != "check_compatibility":
                    raise  # another plugin's, that came through
                raise _HookError(record, hook, f"raised {one_line(error)}") from error
            return self._checked(record, hook, lambda: result, given)

        # pluggy offers nothing round a single implementation, and marks these as final.
        setattr(one, "function", wrap if one.wrapper else call)  # noqa: B010
        setattr(one, "argnames", every)  # noqa: B010

    def _checked(
        self, record: PluginRecord, hook: str, call: Callable[[], Any], given: Mapping[str, Any]
    ) -> Any:
        """Return what a hook returned if it is valid; a model cannot be built without it."""
        fault = ""
        try:
            with isolated(record, f"runs {hook}", hook):
                result = call()
                if result is not None:
                    fault = next(FAULTS[hook](result, given), "")
        except (EncswapError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise _HookError(record, hook, f"raised {one_line(error)}") from error
        _trace(record, (hook,), result)
        if fault:
            raise _HookError(record, hook, fault)
        return result

    def _findings(
        self, record: PluginRecord, hook: str, call: Callable[[], Any], _given: Mapping[str, Any]
    ) -> list[Finding] | None:
        """Run a plugin's check: what it found before it failed is kept."""
        if record.name in self._timed_out:
            return None
        kept: list[Finding] = []
        seconds = None if record.name in DEFAULT_PLUGINS else CHECK_FACTOR * load_seconds()
        try:
            with isolated(record, "checks", hook):
                _call(lambda: _collect(call(), kept, record), seconds)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if isinstance(error, CallTimeoutError):
                self._timed_out.add(record.name)
            record.fail(error)
        _trace(record, (hook,), kept)
        return list(kept)


def _call(call: Callable[[], T], seconds: float | None) -> T:
    """Call a plugin within so many seconds; None sets no limit."""
    if seconds is None:
        return call()

    def run() -> T:
        try:
            return call()
        except KeyboardInterrupt as error:  # Ctrl-C reaches the main thread alone
            raise PluginError("it raised KeyboardInterrupt") from error

    try:
        return call_within(seconds, run)
    except CallTimeoutError as error:
        raise CallTimeoutError(f"{error} and was given up ({TIMEOUT_VARIABLE})") from None


class _HookError(PluginError):
    """A failure in a hook call, with the record of the plugin that failed."""

    def __init__(self, record: PluginRecord, hook: str, what: str) -> None:
        super().__init__(f"plugin {record.name!r}: {hook} {what}", hint=WAY_AROUND)
        self.record = record


def _once(running: Any) -> Generator[None, Any, Any]:
    """Pass on a wrapper's one yield; of a second one pluggy could not say whose it is."""
    next(running)
    try:
        step = partial(running.send, (yield))
    except BaseException as error:
        step = partial(running.throw, error)
    try:
        step()
    except StopIteration as end:
        return end.value
    raise TypeError("a wrapper yields once")


def _required(result: T | None, call: str) -> T:
    if result is None:
        raise PluginError(
            f"no plugin took {call}",
            hint="see `encswap plugins list` for what is installed and what failed",
        )
    return result


def _collect(found: Any, kept: list[Finding], record: PluginRecord) -> list[Finding]:
    """Take over findings one by one: a generator may fail half-way, evidence may be no JSON."""
    if found is not None and (not isinstance(found, Iterable) or isinstance(found, str | Mapping)):
        raise PluginError(
            f"check_compatibility should return a list of Finding or None, returned {_kind(found)}"
        )
    for one in found or ():
        if fault := next(faults_of_finding(one), ""):
            raise PluginError(f"check_compatibility {fault}")
        if len(kept) == MOST_FINDINGS:
            raise PluginError(f"check_compatibility gives more than {MOST_FINDINGS} findings")
        losses: list[str] = []
        evidence = plain_json(one.evidence, most=MOST_EVIDENCE, losses=losses)
        if losses:
            record.remark(f"the evidence of {one.code!r} holds {', '.join(losses)}")
        own = record.name in DEFAULT_PLUGINS
        kept.append(one if own else replace(one, evidence=evidence))
    return kept


def _trace(record: PluginRecord, hooks: Iterable[str], result: object = None) -> None:
    if os.environ.get(TRACE_VARIABLE):
        for hook in hooks:
            sys.stderr.write(f"encswap hook {hook}: {record.name} -> {str(result)[:100]}\n")


def _checked_hook(function: Callable[..., Any], name: str, options: Mapping[str, Any]) -> str:
    """The hook that a function implements; a fault that pluggy would pass over is an error."""
    hook = str(options.get("specname") or name)
    if hook not in HOOKS:
        raise UnknownNameError("hook", hook, list(HOOKS))
    if options.get("hookwrapper"):
        raise PluginError(f"hook {hook} is an old-style wrapper", hint="write wrapper=True")
    known = list(inspect.signature(getattr(hookspecs, hook)).parameters)
    needed = [
        one for one in inspect.signature(function).parameters.values() if one.default is one.empty
    ]
    for one in needed:
        if one.kind is one.KEYWORD_ONLY:  # pluggy drops these
            raise PluginError(f"hook {hook}: {one.name!r} is keyword-only, hooks are not")
        if one.kind is one.POSITIONAL_OR_KEYWORD and one.name not in known:
            raise PluginError(
                f"hook {hook} has no argument {one.name!r}", hint=f"it has: {', '.join(known)}"
            )
    return hook


# -- validate: each function yields the faults of what a hook returned, the first one first -----


def _kind(value: object) -> str:
    return type(value).__name__


def faults_of_finding(one: object) -> Iterator[str]:
    """A finding has a code, a status, a depth and a message that the table knows."""
    if not isinstance(one, Finding):
        yield f"should return list[Finding], one is {_kind(one)}"
        return
    if one.status not in get_args(Status):
        yield f"returned status {one.status!r}, known: {', '.join(get_args(Status))}"
    if one.depth not in DEPTHS:
        yield f"returned depth {one.depth!r}, known: {', '.join(DEPTHS)}"
    if not (isinstance(one.code, str) and isinstance(one.message, str)):
        yield "returned a finding whose code and message are not text"
    if not isinstance(one.claim, str | None) or not isinstance(one.evidence, Mapping):
        yield f"returned finding {one.code!r} with a claim or evidence of a wrong type"


def faults_of_findings(results: object, _given: Mapping[str, Any]) -> Iterator[str]:
    """What a wrapper makes of the findings of all plugins: a list of their lists."""
    if not isinstance(results, list):
        yield f"is a wrapper that returned {_kind(results)}, not a list of lists of Finding"
        return
    for one in results:
        yield from (fault for finding in one for fault in faults_of_finding(finding))


def faults_of_encoder(loaded: object, _given: Mapping[str, Any]) -> Iterator[str]:
    """An encoder is a model with embeddings in float32, and a tokenizer that numbers them."""
    import torch

    if not isinstance(loaded, LoadedEncoder):
        yield f"returned {_kind(loaded)}, it should return LoadedEncoder or None"
        return
    model, tokenizer = loaded.model, loaded.tokenizer
    if not isinstance(model, torch.nn.Module):
        yield f"returned a model that is {_kind(model)}, not a torch module"
    if not isinstance(getattr(getattr(model, "config", None), "hidden_size", None), int):
        yield "returned a model without config.hidden_size"
    table: Any = getattr(model.get_input_embeddings(), "weight", None)
    if not isinstance(table, torch.Tensor) or table.ndim != 2:
        yield "returned a model without a table of word embeddings"
    if table.dtype != torch.float32:
        yield f"returned a model in {table.dtype}, not in float32"
    for need in ("add_special_tokens", "convert_tokens_to_ids", "__len__", "__call__"):
        if not hasattr(tokenizer, need):
            yield f"returned a tokenizer that is {_kind(tokenizer)}: it has no {need}"
    for name in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        keys = getattr(loaded, name)
        if not isinstance(keys, tuple) or not all(isinstance(key, str) for key in keys):
            yield f"returned {name} that is no tuple of names"


def faults_of_embeddings(adapted: object, given: Mapping[str, Any]) -> Iterator[str]:
    """Adapted embeddings have the candidate's shape, finite rows, and counts of their origins."""
    import torch

    if not isinstance(adapted, AdaptedEmbeddings):
        yield f"returned {_kind(adapted)}, it should return AdaptedEmbeddings or None"
        return
    weight, wanted = adapted.weight, tuple(given["candidate"].weight.shape)
    if not isinstance(weight, torch.Tensor):
        yield f"returned a weight that is {_kind(weight)}, not a tensor"
    if tuple(weight.shape) != wanted:
        yield f"returned rows of shape {tuple(weight.shape)} for a table of {wanted}"
    if not bool(weight.isfinite().all()):
        yield "returned rows that are not finite"
    origins = adapted.origins
    if not isinstance(origins, Mapping) or not all(
        isinstance(how, str) and isinstance(count, int) for how, count in origins.items()
    ):
        yield "returned origins that do not map a way to a number of rows"


def faults_of_groups(groups: object, _given: Mapping[str, Any]) -> Iterator[str]:
    """Groups are a list of `ParamGroup`, with named parameters and finite rates."""
    import torch

    if not isinstance(groups, list):
        yield f"returned {_kind(groups)}, it should return a list of ParamGroup or None"
        return
    for group in groups:
        if not isinstance(group, ParamGroup):
            yield f"returned a group that is {_kind(group)}, not ParamGroup"
        for name in ("learning_rate", "weight_decay"):
            rate = getattr(group, name)
            if not isinstance(rate, int | float) or not math.isfinite(rate) or rate < 0:
                yield f"returned group {group.name!r} with {name} {rate!r}"
        pairs = group.parameters
        if not isinstance(pairs, tuple) or not all(
            isinstance(pair, tuple) and list(map(type, pair))[:1] == [str] and len(pair) == 2
            and isinstance(pair[1], torch.nn.Parameter)
            for pair in pairs
        ):  # fmt: skip
            yield f"returned group {group.name!r} whose parameters are no (name, parameter) pairs"


def faults_of_splitter(splitter: object, given: Mapping[str, Any]) -> Iterator[str]:
    """A word splitter is called with a text."""
    if not callable(splitter):
        yield f"{given['name']!r} is {_kind(splitter)}, which cannot be called"


FAULTS: Mapping[str, Callable[[Any, Mapping[str, Any]], Iterator[str]]] = {
    "check_compatibility": faults_of_findings,
    "load_encoder": faults_of_encoder,
    "adapt_embeddings": faults_of_embeddings,
    "build_param_groups": faults_of_groups,
    "splitter": faults_of_splitter,
}
