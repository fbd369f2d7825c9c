"""The plugin manager: finds plugins, sets broken ones aside, and calls the hooks.

Every hook is called in this module and nowhere else, so that a plugin's failure is named and
costs only itself.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pluggy

from encswap import answers, hookspecs
from encswap.domain import (
    AdaptedEmbeddings,
    CheckContext,
    EmbeddingTable,
    EncoderSpec,
    Finding,
    LoadedEncoder,
    ParamGroup,
    ParamGroupSettings,
    Source,
    SplitterFactory,
    Subject,
    WordSplitter,
)
from encswap.errors import EncswapError, PluginError, UnknownNameError
from encswap.installed import installed_plugins
from encswap.isolation import (
    SHIELD,
    check_seconds,
    descriptor_shielded,
    limited,
    load_seconds,
    noticed,
    warn,
)
from encswap.registry import PluginRecord, Registry, api_of, told

if TYPE_CHECKING:
    import torch

__all__ = ["DEFAULT_PLUGINS", "HOOKS", "PluginRecord", "Plugins", "load_plugins"]

TRACE_VARIABLE = "ENCSWAP_TRACE_PLUGINS"
DEFAULT_PLUGINS = (
    "encswap.swap.loading",
    "encswap.checks.catalogue",
    "encswap.swap.splitters",
    "encswap.swap.embeddings",
    "encswap.train.groups",
)
HOOKS = tuple(name for name, value in vars(hookspecs).items() if hasattr(value, "encswap_spec"))
WAY_AROUND = "uninstall the plugin, or name the others in ENCSWAP_LOAD_PLUGINS"
Faults = Callable[[Any, Mapping[str, Any]], Iterator[str]]


class Plugins(Registry):
    """The loaded plugins with the encoders, bases and splitters that they registered."""

    def __init__(self) -> None:
        super().__init__()
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self._given_up: set[str] = set()
        if os.environ.get(TRACE_VARIABLE):
            self.manager.add_hookcall_monitoring(_trace_call, _trace_result)

    # -- loading ---------------------------------------------------------------------------

    def add(self, plugin: object, record: PluginRecord) -> None:
        """Register one plugin and what it offers; a failure is recorded and the plugin left out."""
        self.take_in(lambda: plugin, record)

    def take_in(
        self, load: Callable[[], object], record: PluginRecord, seconds: float | None = None
    ) -> None:
        """Load and register one plugin within so many seconds; a failure costs only itself."""
        self.records[record.name] = record
        if record.error is not None:
            return
        try:
            with self._shielded(record, "is imported"):
                limited(lambda: self._register(load(), record), seconds, f"plugin {record.name!r}")
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            record.fail(error)
            self.withdraw(record)
            if self.manager.has_plugin(record.name):
                self.manager.unregister(name=record.name)

    @contextmanager
    def _shielded(self, record: PluginRecord, doing: str) -> Iterator[None]:
        """Keep stdout for results; a plugin that prints there is told of, once."""
        SHIELD.used = False
        try:
            with SHIELD.up():
                yield
        finally:
            remark = f"it prints while it {doing}"
            if SHIELD.used and record.name not in DEFAULT_PLUGINS and remark not in record.remarks:
                record.remarks.append(remark)
                warn(f"encswap: plugin {record.name!r} prints while it {doing}")

    def _register(self, plugin: object, record: PluginRecord) -> None:
        if record.error is not None:  # it was given up, and goes on in a thread of its own
            return
        record.api = api_of(plugin)
        self._check_hooks(plugin, record)
        self.manager.register(plugin, name=record.name)
        self._collect(record)

    def _check_hooks(self, plugin: object, record: PluginRecord) -> None:
        for name in dir(plugin):
            options = self.manager.parse_hookimpl_opts(plugin, name)
            if options is None:
                continue
            hook = options.get("specname") or name
            if hook not in HOOKS:
                raise UnknownNameError("hook", hook, list(HOOKS))
            if options.get("wrapper") or options.get("hookwrapper"):
                raise PluginError(f"hook {hook} is a wrapper, but each plugin is called alone")
            takes = list(inspect.signature(getattr(hookspecs, hook)).parameters)
            for asked in _asked(getattr(plugin, name)):
                if asked not in takes:
                    raise PluginError(
                        f"hook {hook} has no argument {asked!r}", hint=f"it has: {', '.join(takes)}"
                    )
            record.hooks.append(hook)

    def _collect(self, record: PluginRecord) -> None:
        def register(spec: EncoderSpec) -> None:
            self.register_spec(spec, record)

        def register_splitter(name: str, factory: SplitterFactory) -> None:
            self.register_splitter(name, factory, record)

        self._only(record.name, "register_encoders")(register=register)
        self._only(record.name, "register_word_splitters")(register=register_splitter)

    # -- names -----------------------------------------------------------------------------

    @property
    def splitter_names(self) -> list[str]:
        """Every word splitter that can be asked for by name."""
        return sorted(self.splitters)

    def splitter(self, name: str, **options: Any) -> WordSplitter:
        """Build the word splitter called `name`."""
        owner = self.owner_of("splitter", name)
        if owner is None:
            raise UnknownNameError("splitter", name, self.splitter_names)
        build = self.splitters[name]
        splitter: WordSplitter = self._guarded(owner.name, "splitter", lambda: build(**options))
        if not callable(splitter):
            raise PluginError(
                f"plugin {owner.name!r}: splitter {name!r} is {type(splitter).__name__},"
                " which cannot be called",
                hint=WAY_AROUND,
            )
        return splitter

    # -- hook calls ------------------------------------------------------------------------

    def load_encoder(self, spec: EncoderSpec, source: Source) -> LoadedEncoder:
        """Load an encoder through the first plugin that takes it."""
        loaded: LoadedEncoder = self._first(
            "load_encoder", answers.faults_of_encoder, spec=spec, source=source
        )
        return loaded

    def check_compatibility(
        self, base: Subject, candidate: Subject, context: CheckContext
    ) -> Iterator[Finding]:
        """Yield the findings of every plugin; one that fails is recorded and passed over."""
        for name in self._implementers("check_compatibility"):
            if name not in self._given_up:
                yield from self._findings(name, base=base, candidate=candidate, context=context)

    def _findings(self, name: str, **arguments: Any) -> list[Finding]:
        caller = self._only(name, "check_compatibility")
        seconds = None if name in DEFAULT_PLUGINS else check_seconds()
        try:
            with self._shielded(self.records[name], "checks"):
                results = limited(
                    lambda: caller(**arguments), seconds, f"plugin {name!r} in check_compatibility"
                )
            for findings in results:
                if fault := answers.first(answers.faults_of_findings(findings)):
                    raise PluginError(f"check_compatibility {fault}")
            return [finding for findings in results for finding in findings]
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if isinstance(error, TimeoutError):
                self._given_up.add(name)
            self.records[name].fail(error)
            return []

    def adapt_embeddings(
        self,
        base: EmbeddingTable,
        candidate: EmbeddingTable,
        method: str,
        generator: torch.Generator,
    ) -> AdaptedEmbeddings:
        """Adapt the candidate's embeddings with the method called `method`."""
        adapted: AdaptedEmbeddings = self._first(
            "adapt_embeddings",
            answers.faults_of_embeddings,
            base=base,
            candidate=candidate,
            method=method,
            generator=generator,
        )
        return adapted

    def build_param_groups(
        self, model: torch.nn.Module, settings: ParamGroupSettings
    ) -> list[ParamGroup]:
        """Divide the model's trainable parameters into groups."""
        groups: list[ParamGroup] = self._first(
            "build_param_groups", answers.faults_of_groups, model=model, settings=settings
        )
        return groups

    def _first(self, hook: str, faults_of: Faults, **arguments: Any) -> Any:
        for name in self._implementers(hook):
            result = self._guarded(name, hook, partial(self._only(name, hook), **arguments))
            if result is None:
                continue
            faults = faults_of(result, arguments)
            if fault := self._guarded(name, hook, partial(answers.first, faults)):
                raise PluginError(f"plugin {name!r}: {hook} {fault}", hint=WAY_AROUND)
            return result
        raise PluginError(
            f"no plugin took {hook}({_shown(arguments)})",
            hint="see `encswap plugins list` for what is installed and what failed",
        )

    def _guarded(self, name: str, hook: str, call: Callable[[], Any]) -> Any:
        """Call for an answer that goes into a model: there is no going on without it."""
        try:
            with self._shielded(self.records[name], f"runs {hook}"):
                if name in DEFAULT_PLUGINS:
                    return call()
                with noticed(f"plugin {name!r} in {hook}"):
                    return call()
        except (EncswapError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise PluginError(
                f"plugin {name!r}: {hook} raised {told(error)}", hint=WAY_AROUND
            ) from error

    def _implementers(self, hook: str) -> list[str]:
        caller = getattr(self.manager.hook, hook)
        # pluggy calls the last of this list first.
        return [implementation.plugin_name for implementation in reversed(caller.get_hookimpls())]

    def _only(self, name: str, hook: str) -> Callable[..., Any]:
        others = [p for n, p in self.manager.list_name_plugin() if n != name and p is not None]
        return self.manager.subset_hook_caller(hook, others)


def load_plugins(extra: Iterable[tuple[str, object]] = ()) -> Plugins:
    """Load the defaults, the installed plugins and `extra` ones, each on its own."""
    plugins = Plugins()
    seconds = load_seconds()
    for module in DEFAULT_PLUGINS:
        plugins.take_in(partial(importlib.import_module, module), PluginRecord(module))
    with descriptor_shielded():
        for one in installed_plugins():
            record = PluginRecord(one.name, one.distribution, one.version)
            error = one.error
            if one.name in plugins.records:
                other = plugins.records[one.name].distribution
                error = error or f"plugin {one.name!r} is in {other!r} and in {one.distribution!r}"
                record.name = f"{one.name} ({one.distribution} {one.version})"
            if error:
                record.fail(error)
            plugins.take_in(one.point.load, record, seconds)
    for name, plugin in extra:
        plugins.add(plugin, PluginRecord(name))
    return plugins


def _asked(function: Callable[..., Any]) -> list[str]:
    """The arguments that a hook function cannot do without; pluggy passes no keyword-only ones."""
    parameters = inspect.signature(function).parameters.values()
    needed = [one for one in parameters if one.default is one.empty]
    for one in needed:
        if one.kind is one.KEYWORD_ONLY:
            raise PluginError(
                f"hook {function.__name__}: {one.name!r} is keyword-only, hooks are not"
            )
    return [one.name for one in needed if one.kind is one.POSITIONAL_OR_KEYWORD]


def _shown(arguments: dict[str, Any]) -> str:
    texts = [f"{key}={value!r}" for key, value in arguments.items() if isinstance(value, str)]
    texts += [f"{value.name}" for value in arguments.values() if isinstance(value, EncoderSpec)]
    return ", ".join(texts)


def _trace_call(hook: str, implementations: Sequence[Any], _arguments: object) -> None:
    names = ", ".join(one.plugin_name for one in reversed(implementations))
    sys.stderr.write(f"encswap hook {hook}: {names or 'nobody'}\n")


def _trace_result(outcome: Any, hook: str, _implementations: object, _arguments: object) -> None:
    result = outcome.exception or outcome.get_result()
    sys.stderr.write(f"encswap hook {hook} -> {str(result)[:100]}\n")
