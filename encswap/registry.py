"""What the plugins registered: names, who owns each, and what is known of every plugin."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from encswap import API_VERSION
from encswap.answers import faults_of_name, faults_of_spec, first
from encswap.domain import BaseSpec, EncoderSpec, SplitterFactory
from encswap.errors import EncswapError, PluginError

API_NAME = "ENCSWAP_API"
OLDEST_API = 1


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
        self.error = self.error or told(error)


def told(error: str | BaseException) -> str:
    """Tell a failure in one line; encswap's own errors need no class beside them."""
    plain = isinstance(error, str | EncswapError | TimeoutError)
    text = str(error) if plain else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:600]


class Registry:
    """Encoders, bases and splitters by name; each name has one owner."""

    def __init__(self) -> None:
        self.records: dict[str, PluginRecord] = {}
        self.encoders: dict[str, EncoderSpec] = {}
        self.bases: dict[str, BaseSpec] = {}
        self.splitters: dict[str, SplitterFactory] = {}
        self._owners: dict[tuple[str, str], str] = {}
        self._withdrawn: dict[str, str] = {}

    def register_spec(self, spec: EncoderSpec, record: PluginRecord) -> None:
        """Take in an encoder or a base."""
        if fault := first(faults_of_spec(spec)):
            raise PluginError(fault)
        self._claim("encoder", spec.name, record)
        if isinstance(spec, BaseSpec):
            self.bases[spec.name] = spec
        else:
            self.encoders[spec.name] = spec
            record.encoders.append(spec.name)

    def register_splitter(self, name: str, factory: SplitterFactory, record: PluginRecord) -> None:
        """Take in a word splitter."""
        if fault := first(faults_of_name(name)):
            raise PluginError(fault)
        if not callable(factory):
            raise PluginError(f"splitter {name!r} needs a callable, got {type(factory).__name__}")
        self._claim("splitter", name, record)
        self.splitters[name] = factory
        record.splitters.append(name)

    def _claim(self, kind: str, name: str, record: PluginRecord) -> None:
        if record.error is not None:  # it was given up, and goes on in a thread of its own
            raise PluginError("set aside")
        owner = self._owners.setdefault((kind, name), record.name)
        again = name in (record.encoders if kind == "encoder" else record.splitters)
        if owner != record.name or again:
            raise PluginError(
                f"{kind} {name!r} is registered by plugin {owner!r} and by {record.name!r}",
                hint="one of them needs a new name",
            )

    def withdraw(self, record: PluginRecord) -> None:
        """Take back everything that a plugin registered."""
        for kind, name in [one for one, owner in self._owners.items() if owner == record.name]:
            self._withdrawn[name] = record.name
            del self._owners[kind, name]
            for table in (self.encoders, self.bases) if kind == "encoder" else (self.splitters,):
                table.pop(name, None)
        record.encoders, record.splitters = [], []

    def owner_of(self, kind: str, name: str) -> PluginRecord | None:
        """The plugin that registered the `encoder` or `splitter` called `name`."""
        owner = self._owners.get((kind, name))
        return None if owner is None else self.records[owner]

    def set_aside_with(self, name: str) -> PluginRecord | None:
        """The failed plugin that is called `name`, or that had registered it before it failed."""
        for record in self.failures():
            if record.name in (name, self._withdrawn.get(name)) or _plain(record.name) == name:
                return record
        return None

    def failures(self) -> list[PluginRecord]:
        """The plugins that were set aside, or failed in a call."""
        return [record for record in self.records.values() if record.error is not None]


def _plain(name: str) -> str:
    """A plugin's name without the distribution that stands beside it where two have one name."""
    return name.partition(" (")[0]


def api_of(plugin: object) -> int | None:
    """The API version that a plugin, or the module of its class, was written for."""
    declared = getattr(plugin, API_NAME, None)
    if declared is None:
        module = sys.modules.get(str(getattr(plugin, "__module__", "")))
        declared = getattr(module, API_NAME, None)
    if declared is None:
        return None
    if not isinstance(declared, int) or isinstance(declared, bool):
        raise PluginError(f"{API_NAME} is {declared!r}, not a whole number such as {API_VERSION}")
    spoken = f"{OLDEST_API} to {API_VERSION}" if OLDEST_API < API_VERSION else str(API_VERSION)
    if not OLDEST_API <= declared <= API_VERSION:
        newer = declared > API_VERSION
        raise PluginError(
            f"it is written for API {declared}, this encswap speaks API {spoken}",
            hint="upgrade encswap" if newer else "upgrade the plugin",
        )
    return declared
