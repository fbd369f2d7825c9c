from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from encswap import EncoderSpec, Finding, Subject, hookimpl
from encswap.domain import CheckContext
from encswap.errors import UnknownNameError
from encswap.plugins import PluginRecord, Plugins, load_plugins

SPEC = EncoderSpec("own", "someone/own")
BASE = Subject(EncoderSpec("base", "someone/base"))


def plugin(**hooks: Callable[..., Any]) -> object:
    """Make a plugin of functions."""
    made = ModuleType("own")
    for name, function in hooks.items():
        setattr(made, name, hookimpl(function))
    return made


def registering(spec: Any) -> Callable[..., None]:
    def register_encoders(register: Any) -> None:
        register(spec)

    return register_encoders


def loaded(**more: object) -> Plugins:
    plugins = Plugins()
    for name, one in more.items():
        plugins.add(one, PluginRecord(name))
    return plugins


def test_a_registered_encoder_is_known_with_its_plugin() -> None:
    plugins = loaded(one=plugin(register_encoders=registering(SPEC)))
    assert plugins.encoders == {"own": SPEC}
    assert plugins.records["one"].encoders == ["own"]


def test_a_name_that_is_taken_names_both_plugins_and_sets_the_second_aside() -> None:
    first, second = (plugin(register_encoders=registering(SPEC)) for _ in range(2))
    plugins = loaded(first=first, second=second)
    (failed,) = plugins.failures()
    assert failed.name == "second"
    assert "'first'" in str(failed.error) and "'second'" in str(failed.error)
    assert plugins.encoders == {"own": SPEC}


def test_a_misspelt_hook_is_named_with_the_nearest() -> None:
    def register_encoder(register: Any) -> None: ...

    (failed,) = loaded(one=plugin(register_encoder=register_encoder)).failures()
    assert "did you mean 'register_encoders'" in str(failed.error)


@pytest.mark.parametrize("wrong", ["own", None, {"name": "own"}])
def test_a_wrong_type_is_refused(wrong: object) -> None:
    (failed,) = loaded(one=plugin(register_encoders=registering(wrong))).failures()
    assert "EncoderSpec" in str(failed.error)


def test_a_check_that_breaks_costs_only_itself() -> None:
    def breaking(base: Subject, candidate: Subject, context: CheckContext) -> list[Finding]:
        raise ValueError("broken")

    def working(base: Subject, candidate: Subject, context: CheckContext) -> list[Finding]:
        return [Finding("own", "pass", "facts", "seen")]

    plugins = loaded(
        bad=plugin(check_compatibility=breaking), good=plugin(check_compatibility=working)
    )
    context = CheckContext(depth="facts")
    findings = list(plugins.check_compatibility(BASE, Subject(SPEC), context))
    assert [finding.code for finding in findings] == ["own"]
    assert [record.name for record in plugins.failures()] == ["bad"]


def test_unknown_splitters_list_the_known() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'whitespace'"):
        load_plugins().splitter("whitespaces")


def test_only_the_named_plugins_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCSWAP_LOAD_PLUGINS", "kure, mdeberta")
    assert set(load_plugins().encoders) == {"kure", "mdeberta"}


def test_hook_calls_can_be_traced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENCSWAP_TRACE_PLUGINS", "1")
    load_plugins()
    assert "encswap hook register_encoders" in capsys.readouterr().err
