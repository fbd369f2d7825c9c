"""The plugin manager: finds plugins, sets broken ones aside, and calls the hooks.

Every hook is called in this module and nowhere else, so that a plugin's failure is named and
costs only itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from encswap import hookspecs
from encswap.domain import (
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
    Subject,
    WordSplitter,
)
from encswap.errors import EncswapError, PluginError, UnknownNameError

if TYPE_CHECKING:
    import torch

LOAD_VARIABLE = "ENCSWAP_LOAD_PLUGINS"
TRACE_VARIABLE = "ENCSWAP_TRACE_PLUGINS"
DEFAULT_PLUGINS = (
    "encswap.swap.loading",
    "encswap.checks.catalogue",
    "encswap.swap.splitters",
    "encswap.swap.embeddings",
    "encswap.train.groups",
)


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

    def fail(self, error: str | BaseException) -> None:
        """Record the first failure as one line."""
        text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        self.error = self.error or " ".join(text.split())


class Plugins:
    """The loaded plugins with the encoders, bases and splitters that they registered."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.records: dict[str, PluginRecord] = {}
        self.encoders: dict[str, EncoderSpec] = {}
        self.bases: dict[str, BaseSpec] = {}
        self._splitters: dict[str, SplitterFactory] = {}
        self._owners: dict[str, str] = {}
        if os.environ.get(TRACE_VARIABLE):
            self.manager.add_hookcall_monitoring(_trace_call, _trace_result)

    # -- loading ---------------------------------------------------------------------------

    def add(self, plugin: object, record: PluginRecord) -> None:
        """Register one plugin and what it offers; a failure is recorded and the plugin left out."""
        self.records[record.name] = record
        if record.error is not None:
            return
        try:
            self.manager.register(plugin, name=record.name)
            self._check_hooks(plugin, record)
            self._collect(record)
        except Exception as error:
            record.fail(error)
            self._withdraw(record)

    def _check_hooks(self, plugin: object, record: PluginRecord) -> None:
        for caller in self.manager.get_hookcallers(plugin) or []:
            if not caller.has_spec():
                known = sorted(_hook_names())
                raise UnknownNameError("hook", caller.name, known)
            record.hooks.append(caller.name)
        self.manager.check_pending()

    def _collect(self, record: PluginRecord) -> None:
        def register(spec: EncoderSpec) -> None:
            self._register_spec(spec, record)

        def register_splitter(name: str, factory: SplitterFactory) -> None:
            self._register_splitter(name, factory, record)

        self._only(record.name, "register_encoders")(register=register)
        self._only(record.name, "register_word_splitters")(register=register_splitter)

    def _register_spec(self, spec: EncoderSpec, record: PluginRecord) -> None:
        if not isinstance(spec, EncoderSpec):
            raise PluginError(f"register() takes an EncoderSpec, got {type(spec).__name__}")
        self._claim(f"encoder {spec.name!r}", record)
        if isinstance(spec, BaseSpec):
            self.bases[spec.name] = spec
        else:
            self.encoders[spec.name] = spec
            record.encoders.append(spec.name)

    def _register_splitter(self, name: str, factory: object, record: PluginRecord) -> None:
        if not callable(factory):
            raise PluginError(f"splitter {name!r} needs a callable, got {type(factory).__name__}")
        self._claim(f"splitter {name!r}", record)
        self._splitters[name] = factory
        record.splitters.append(name)

    def _claim(self, thing: str, record: PluginRecord) -> None:
        owner = self._owners.setdefault(thing, record.name)
        if owner != record.name:
            raise PluginError(f"{thing} is registered by plugin {owner!r} and by {record.name!r}")

    def _withdraw(self, record: PluginRecord) -> None:
        for name in record.encoders:
            del self.encoders[name]
        for name in record.splitters:
            del self._splitters[name]
        owned = [thing for thing, owner in self._owners.items() if owner == record.name]
        for thing in owned:
            del self._owners[thing]
            self.bases.pop(thing.removeprefix("encoder ").strip("'"), None)
        record.encoders, record.splitters = [], []
        if self.manager.has_plugin(record.name):
            self.manager.unregister(name=record.name)

    # -- names -----------------------------------------------------------------------------

    @property
    def splitter_names(self) -> list[str]:
        """Every word splitter that can be asked for by name."""
        return sorted(self._splitters)

    def splitter(self, name: str, **options: Any) -> WordSplitter:
        """Build the word splitter called `name`."""
        if name not in self._splitters:
            raise UnknownNameError("splitter", name, self.splitter_names)
        owner = self._owners[f"splitter {name!r}"]
        splitter: WordSplitter = _guarded(
            owner, "splitter", lambda: self._splitters[name](**options)
        )
        return splitter

    def failures(self) -> list[PluginRecord]:
        """The plugins that were set aside, or failed in a call."""
        return [record for record in self.records.values() if record.error is not None]

    # -- hook calls ------------------------------------------------------------------------

    def load_encoder(self, spec: EncoderSpec, source: Source) -> LoadedEncoder:
        """Load an encoder through the first plugin that takes it."""
        loaded: LoadedEncoder = self._first("load_encoder", LoadedEncoder, spec=spec, source=source)
        return loaded

    def check_compatibility(
        self, base: Subject, candidate: Subject, context: CheckContext
    ) -> Iterator[Finding]:
        """Yield the findings of every plugin; one that fails is recorded and passed over."""
        arguments = {"base": base, "candidate": candidate, "context": context}
        for name in self._implementers("check_compatibility"):
            try:
                results = self._only(name, "check_compatibility")(**arguments)
                yield from _findings(name, results)
            except Exception as error:
                self.records[name].fail(error)

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
            AdaptedEmbeddings,
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
            "build_param_groups", list, model=model, settings=settings
        )
        return groups

    def _first(self, hook: str, kind: type, **arguments: Any) -> Any:
        for name in self._implementers(hook):
            caller = self._only(name, hook)
            result = _guarded(name, hook, lambda caller=caller: caller(**arguments))  # type: ignore[misc]
            if result is None:
                continue
            if not isinstance(result, kind):
                raise PluginError(
                    f"plugin {name!r}: {hook} returned {type(result).__name__}",
                    hint=f"it should return {kind.__name__} or None",
                )
            return result
        raise PluginError(
            f"no plugin took {hook}({_shown(arguments)})",
            hint="see `encswap plugins list` for what is installed and what failed",
        )

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
    for module in DEFAULT_PLUGINS:
        _add_module(plugins, PluginRecord(module), lambda module=module: _import(module))  # type: ignore[misc]
    for point in _entry_points():
        _add_module(plugins, _record_of(point), point.load)
    for name, plugin in extra:
        plugins.add(plugin, PluginRecord(name))
    return plugins


def _add_module(plugins: Plugins, record: PluginRecord, load: Callable[[], object]) -> None:
    plugin: object = ModuleType(record.name)
    if record.name in plugins.records:
        other = plugins.records[record.name].distribution
        record.fail(f"plugin {record.name!r} is installed by {other!r} and {record.distribution!r}")
        record.name = f"{record.name} ({record.distribution} {record.version})"
    else:
        try:
            plugin = load()
        except (Exception, SystemExit) as error:
            record.fail(error)
    plugins.add(plugin, record)


def _entry_points() -> Sequence[metadata.EntryPoint]:
    points = sorted(metadata.entry_points(group=hookspecs.PROJECT), key=lambda point: point.name)
    wanted = os.environ.get(LOAD_VARIABLE)
    if wanted is None:
        return points
    names = {name.strip() for name in wanted.split(",")}
    return [point for point in points if point.name in names or _distribution(point)[0] in names]


def _record_of(point: metadata.EntryPoint) -> PluginRecord:
    distribution, version = _distribution(point)
    return PluginRecord(point.name, distribution, version)


def _distribution(point: metadata.EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("", "")


def _import(module: str) -> ModuleType:
    import importlib

    return importlib.import_module(module)


def _hook_names() -> list[str]:
    return [name for name, value in vars(hookspecs).items() if hasattr(value, "encswap_spec")]


def _guarded(plugin: str, hook: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except EncswapError:
        raise
    except Exception as error:
        raise PluginError(
            f"plugin {plugin!r}: {hook} raised {type(error).__name__}: {error}"
        ) from error


def _findings(plugin: str, results: list[Any]) -> Iterator[Finding]:
    for result in results:
        if not isinstance(result, list) or not all(isinstance(one, Finding) for one in result):
            raise PluginError(f"plugin {plugin!r}: check_compatibility should return list[Finding]")
        yield from result


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
