"""What every plugin promises: it registers cleanly, and says what it was written for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from encswap import API_VERSION
from encswap.plugins import API_NAME, HOOKS, PluginRecord, Plugins

Law = TypeVar("Law", bound=Callable[..., None])


class BrokenPromiseError(Exception):
    """What was promised and is not so, in one line."""


class Remark(Exception):  # noqa: N818 - it is no error
    """Something that an author should know and that breaks nothing."""


class Skipped(Exception):  # noqa: N818 - it is no error
    """A promise that cannot be verified, and why."""


def require(kept: Any, message: str) -> None:
    """Raise `BrokenPromiseError` with the message unless the promise is kept."""
    if not kept:
        raise BrokenPromiseError(message)


def after(*needs: str) -> Callable[[Law], Law]:
    """Mark a law that makes sense only where others of the same subject are kept."""

    def mark(law: Law) -> Law:
        law.needs = needs  # type: ignore[attr-defined]
        return law

    return mark


DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")


def registers(record: PluginRecord, plugins: Plugins) -> None:
    """It is imported and registered, every hook of it is marked, and it prints nothing."""
    require(record.error is None, record.error or "")
    module = plugins.manager.get_plugin(record.name)
    for name in HOOKS:
        unmarked = callable(getattr(module, name, None)) and name not in record.hooks
        require(not unmarked, f"{name} is not marked with @hookimpl, so nobody calls it")
    require(record.hooks, "it implements no hook")
    require(not record.remarks, f"{', '.join(record.remarks)}: stdout is for results")


@after("registers")
def api_version(record: PluginRecord, plugins: Plugins) -> None:  # noqa: ARG001 - as all laws
    """It declares the API version that it is written for."""
    if record.api is None:
        raise Remark(f"undeclared: write {API_NAME} = {API_VERSION} into the module")


@after("registers")
def facts(record: PluginRecord, plugins: Plugins) -> None:
    """Each recorded fact has its mark and an ISO date, and each splitter that is named is there."""
    for name in record.encoders:
        spec = plugins.encoders[name]
        for key, fact in spec.facts.items():
            require(
                DATE.fullmatch(fact.date), f"{name}: the date of {key!r} is {fact.date!r}, not ISO"
            )
        require(
            spec.word_splitter in plugins.splitter_names,
            f"{name} asks for splitter {spec.word_splitter!r}, "
            f"known: {', '.join(plugins.splitter_names)}",
        )


LAWS = (registers, api_version, facts)
