from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from encswap import EncoderSpec, Fact, Finding, Subject, hookimpl
from encswap import plugins as rooms
from encswap.errors import InputError, PluginError, UnknownNameError
from encswap.models import spec_of
from encswap.plugins import PluginRecord, Plugins, load_plugins
from encswap.types import CheckContext, ParamGroup, ParamGroupSettings

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


@pytest.mark.parametrize(
    ("version", "told"),
    [
        (2, "written for API 2, this encswap speaks API 1; upgrade encswap"),
        (0, "written for API 0, this encswap speaks API 1; upgrade the plugin"),
        ("1", "ENCSWAP_API is '1', not a whole number"),
        (True, "ENCSWAP_API is True, not a whole number"),
    ],
)
def test_an_api_version_that_is_not_spoken_sets_the_plugin_aside(version: Any, told: str) -> None:
    made = plugin(register_encoders=registering(SPEC))
    made.ENCSWAP_API = version  # type: ignore[attr-defined]
    plugins = loaded(one=made)
    (failed,) = plugins.failures()
    assert told in str(failed.error)
    assert plugins.encoders == {}


@pytest.mark.parametrize("declared", [None, 1])
def test_an_api_version_may_be_declared_or_not(declared: int | None) -> None:
    made = plugin(register_encoders=registering(SPEC))
    made.ENCSWAP_API = declared  # type: ignore[attr-defined]
    assert loaded(one=made).records["one"].api == declared


def test_a_plugin_object_speaks_the_version_of_its_module() -> None:
    class Own:
        pass

    assert load_plugins([("object", Own())]).records["object"].api is None
    assert load_plugins().records["kiwi"].api == 1


def test_a_hook_argument_that_does_not_exist_is_named_with_those_that_do() -> None:
    def check_compatibility(base: Subject, encoder: Subject) -> list[Finding]:
        return []

    (failed,) = loaded(one=plugin(check_compatibility=check_compatibility)).failures()
    assert failed.error == (
        "hook check_compatibility has no argument 'encoder'; it has: base, candidate, context"
    )


def test_what_pluggy_would_never_call_is_refused() -> None:
    def keyword(*, base: Subject) -> list[Finding]:
        return []

    (failed,) = loaded(one=plugin(check_compatibility=keyword)).failures()
    assert "keyword-only" in str(failed.error)
    made = ModuleType("own")
    made.check_compatibility = hookimpl(hookwrapper=True)(lambda base: (yield))  # type: ignore[attr-defined]
    (failed,) = loaded(one=made).failures()
    assert failed.error == ("hook check_compatibility is an old-style wrapper; write wrapper=True")


def wrapper(hook: str, function: Callable[..., Any]) -> object:
    made = ModuleType("own")
    setattr(made, hook, hookimpl(wrapper=True)(function))
    return made


def findings_of(plugins: Plugins) -> list[str]:
    context = CheckContext(depth="facts")
    return [one.code for one in plugins.check_compatibility(BASE, Subject(SPEC), context)]


def checking(*codes: str) -> object:
    found = [Finding(code, "pass", "facts", "seen") for code in codes]
    return plugin(check_compatibility=lambda base: found)


def test_a_wrapper_sees_what_the_others_answer_and_may_change_it() -> None:
    def doubling(base: Subject) -> Any:
        answers = yield
        return [one * 2 for one in answers]

    plugins = loaded(plain=checking("own"), around=wrapper("check_compatibility", doubling))
    assert findings_of(plugins) == ["own", "own"]
    assert not plugins.failures()

    def decaying(settings: ParamGroupSettings) -> Any:
        groups = yield
        return [replace(group, weight_decay=settings.weight_decay) for group in groups]

    groups = [ParamGroup("a", (), 1.0, 0.0)]
    plugins = loaded(
        plain=plugin(build_param_groups=lambda model: groups),
        around=wrapper("build_param_groups", decaying),
    )
    (group,) = plugins.build_param_groups(None, ParamGroupSettings(1.0, 1.0, 0.5))  # type: ignore[arg-type]
    assert group.weight_decay == 0.5


def raising_before() -> Any:
    raise RuntimeError("broken")
    yield


def raising_after() -> Any:
    yield
    raise SystemExit("broken")


def yielding_twice() -> Any:
    yield
    yield


def yielding_never() -> Any:
    return None
    yield


def changing_the_type() -> Any:
    yield
    return "all"


BROKEN_WRAPPERS = (raising_before, raising_after, yielding_twice, yielding_never, changing_the_type)


@pytest.mark.parametrize("broken", BROKEN_WRAPPERS)
def test_a_wrapper_that_breaks_is_named_and_costs_only_itself(broken: Any) -> None:
    plugins = loaded(plain=checking("own"), bad=wrapper("check_compatibility", broken))
    assert findings_of(plugins) == ["own"] == findings_of(plugins)
    assert [one.name for one in plugins.failures()] == ["bad"]
    plugins = loaded(
        plain=plugin(build_param_groups=lambda model: [ParamGroup("a", (), 1.0, 0.0)]),
        bad=wrapper("build_param_groups", broken),
    )
    with pytest.raises(PluginError, match="plugin 'bad': build_param_groups"):
        plugins.build_param_groups(None, ParamGroupSettings(1.0, 1.0, 0.0))  # type: ignore[arg-type]


def test_what_another_plugin_raises_comes_through_a_wrapper_with_its_own_name() -> None:
    def passing() -> Any:
        return (yield)

    def failing(model: Any) -> Any:
        raise OSError("eels")

    plugins = loaded(
        bad=plugin(build_param_groups=failing), around=wrapper("build_param_groups", passing)
    )
    with pytest.raises(PluginError, match="plugin 'bad': build_param_groups raised OSError: eels"):
        plugins.build_param_groups(None, ParamGroupSettings(1.0, 1.0, 0.0))  # type: ignore[arg-type]


def test_a_generator_that_fails_half_way_keeps_what_it_found() -> None:
    def halfway(base: Subject) -> Any:
        yield Finding("first", "pass", "facts", "seen")
        raise ValueError("half-way")

    def endless(base: Subject) -> Any:
        while True:
            yield Finding("again", "pass", "facts", "seen")

    plugins = loaded(
        good=checking("own"),
        bad=plugin(check_compatibility=halfway),
        mad=plugin(check_compatibility=endless),
    )
    found = findings_of(plugins)
    assert found == [*["again"] * rooms.MOST_FINDINGS, "first", "own"]
    assert {one.name: one.error for one in plugins.failures()} == {
        "bad": "ValueError: half-way",
        "mad": f"check_compatibility gives more than {rooms.MOST_FINDINGS} findings",
    }


class MuteError(Exception):
    """Cannot say what it is about."""

    def __str__(self) -> str:
        raise SystemExit("no message")

    __repr__ = __str__


def test_an_exception_without_a_message_is_still_named() -> None:
    def mute(base: Subject) -> Any:
        raise MuteError

    (failed,) = (plugins := loaded(bad=plugin(check_compatibility=mute))).failures() or (None,)
    assert failed is None and not findings_of(plugins)
    (failed,) = plugins.failures()
    assert failed.error == "MuteError: its message cannot be read, SystemExit"
    plugins = loaded(bad=plugin(build_param_groups=lambda model: mute(BASE)))
    with pytest.raises(PluginError, match="plugin 'bad': build_param_groups raised MuteError"):
        plugins.build_param_groups(None, ParamGroupSettings(1.0, 1.0, 0.0))  # type: ignore[arg-type]


class Endless(dict[str, Any]):
    """A mapping that fails when it is read."""

    def items(self) -> Any:
        yield "a", 1
        raise OSError("read")


def cyclic() -> dict[str, Any]:
    held: dict[str, Any] = {}
    held["self"] = held
    return held


@pytest.mark.parametrize(
    ("evidence", "kept", "lost"),
    [
        (cyclic(), {"self": None}, "a cycle"),
        ({"n": float("nan")}, {"n": None}, "a number not finite"),
        ({"o": object()}, {"o": "<object>"}, "object, which is no JSON"),
        ({"s": "a\ud800"}, {"s": "a\ufffd"}, "half a character"),
        ({"s": "x" * 10**6}, {"s": "x" * 20_000 + "…"}, "a text that is too long"),
        ({"l": [0] * 10**6}, None, "too many values"),
    ],
    ids=("cyclic", "nan", "object", "surrogate", "long", "huge"),
)
def test_evidence_becomes_json_and_what_is_lost_is_a_remark(
    evidence: Any, kept: Any, lost: str
) -> None:
    found = [Finding("own", "pass", "facts", "seen", None, evidence)]
    plugins = loaded(odd=plugin(check_compatibility=lambda base: found))
    (finding,) = plugins.check_compatibility(BASE, Subject(SPEC), CheckContext("facts"))
    assert plugins.records["odd"].remarks == [f"the evidence of 'own' holds {lost}"]
    assert len(json.dumps(finding.evidence, allow_nan=False)) < 100_000
    if kept is not None:
        assert finding.evidence == kept


def test_evidence_that_fails_to_be_read_costs_only_that_finding() -> None:
    found = [Finding(c, "pass", "facts", "seen", None, e) for c, e in (("a", {}), ("b", Endless()))]
    plugins = loaded(odd=plugin(check_compatibility=lambda base: found))
    assert findings_of(plugins) == ["a"]
    assert plugins.records["odd"].error == "OSError: read"


def test_streams_and_warnings_are_as_they_were_whatever_a_plugin_does() -> None:
    def register_encoders(register: Any) -> None:
        warnings.simplefilter("error")
        sys.stdout.close()
        sys.stderr.close()
        sys.stdout = sys.stderr = None  # type: ignore[assignment]

    before = (sys.stdout, sys.stderr, list(warnings.filters))
    plugins = loaded(rude=plugin(register_encoders=register_encoders))
    assert (sys.stdout, sys.stderr, list(warnings.filters)) == before
    assert not plugins.failures() and not sys.stderr.closed


def test_an_interrupt_that_a_plugin_raises_within_its_time_is_its_own_failure() -> None:
    def raising() -> object:
        raise KeyboardInterrupt

    plugins = Plugins()
    plugins.load(raising, PluginRecord("own"), 5.0)
    assert plugins.records["own"].error == "it raised KeyboardInterrupt"


def test_calls_that_overlap_in_threads_leave_the_real_stdout() -> None:
    before = sys.stdout
    pairs = [plugin(register_encoders=lambda register: time.sleep(0.01)) for _ in range(20)]

    def load(one: object) -> None:
        loaded(one=one)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(load, pairs))
    assert sys.stdout is before


@pytest.mark.parametrize(
    "spec",
    [
        EncoderSpec("no name", "a/b"),
        EncoderSpec("-x", "a/b"),
        EncoderSpec("mini", "a/b"),
        EncoderSpec("own", ""),
        EncoderSpec("own", "a/b", facts={"config": Fact("text", "V", "2026-11")}),
        EncoderSpec("own", "a/b", facts={"config": Fact({"hidden_size": "768"}, "V", "2026-11")}),
        EncoderSpec("own", "a/b", facts={"parameters": Fact("110M", "V", "2026-11")}),
        EncoderSpec("own", "a/b", facts={"licence": Fact("mit", "X", "2026-11")}),  # type: ignore[arg-type]
        EncoderSpec("own", "a/b", facts={"licence": "mit"}),  # type: ignore[dict-item]
        EncoderSpec("own", "a/b", claims=["one"]),  # type: ignore[arg-type]
    ],
)
def test_a_spec_that_would_break_the_table_is_refused_at_the_door(spec: EncoderSpec) -> None:
    plugins = loaded(one=plugin(register_encoders=registering(spec)))
    assert plugins.encoders == {} and len(plugins.failures()) == 1


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), BaseException("odd")])
def test_whatever_a_plugin_raises_costs_only_itself(error: BaseException) -> None:
    def register_encoders(register: Any) -> None:
        register(SPEC)
        raise error

    plugins = loaded(one=plugin(register_encoders=register_encoders))
    assert plugins.encoders == {}
    (failed,) = plugins.failures()
    assert type(error).__name__ in str(failed.error)


def test_an_interrupt_is_the_users_own() -> None:
    def register_encoders(register: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loaded(one=plugin(register_encoders=register_encoders))


def test_a_plugin_that_hangs_is_given_up_and_cannot_register_later() -> None:
    def register_encoders(register: Any) -> None:
        time.sleep(0.3)
        register(SPEC)

    plugins = Plugins()
    made = plugin(register_encoders=register_encoders)
    plugins.load(lambda: made, PluginRecord("slow"), 0.05)
    time.sleep(0.4)
    assert plugins.encoders == {}
    assert "longer than 0.05 s" in str(plugins.records["slow"].error)


def test_a_check_that_hangs_is_asked_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def hanging(base: Subject, candidate: Subject, context: CheckContext) -> list[Finding]:
        time.sleep(1)
        return []

    monkeypatch.setenv("ENCSWAP_PLUGIN_TIMEOUT", "0.004")
    plugins = loaded(slow=plugin(check_compatibility=hanging))
    began = time.monotonic()
    for _ in range(50):
        assert not list(plugins.check_compatibility(BASE, Subject(SPEC), CheckContext("facts")))
    assert time.monotonic() - began < 0.9
    assert "longer than 0.06 s" in str(plugins.failures()[0].error)


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_time_limit_that_is_no_number_is_bad_input(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("ENCSWAP_PLUGIN_TIMEOUT", text)
    with pytest.raises(InputError, match="ENCSWAP_PLUGIN_TIMEOUT"):
        load_plugins()


def test_what_is_waited_for_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def build_param_groups(model: Any, settings: Any) -> list[ParamGroup]:
        time.sleep(0.15)
        return []

    monkeypatch.setattr(rooms, "NOTICE_SECONDS", 0.05)
    with caplog.at_level(logging.WARNING):
        loaded(slow=plugin(build_param_groups=build_param_groups)).build_param_groups(
            None,  # type: ignore[arg-type]
            ParamGroupSettings(1.0, 1.0, 0.0),
        )
    assert "waiting for plugin 'slow' in build_param_groups" in caplog.text


@pytest.mark.parametrize(
    "finding",
    [
        "pass",
        Finding("own", "good", "facts", "seen"),  # type: ignore[arg-type]
        Finding("own", "pass", "deep", "seen"),  # type: ignore[arg-type]
        Finding("own", "pass", "facts", None),  # type: ignore[arg-type]
    ],
)
def test_findings_that_the_table_does_not_know_are_refused(finding: Any) -> None:
    def check_compatibility(base: Subject) -> list[Finding]:
        return [finding]

    plugins = loaded(one=plugin(check_compatibility=check_compatibility))
    assert not list(plugins.check_compatibility(BASE, Subject(SPEC), CheckContext("facts")))
    assert [one.name for one in plugins.failures()] == ["one"]


@pytest.mark.parametrize("groups", ["all", [None], [ParamGroup("a", (), float("nan"), 0.0)]])
def test_groups_that_are_none_name_the_plugin(groups: Any) -> None:
    plugins = loaded(bad=plugin(build_param_groups=lambda model, settings: groups))
    with pytest.raises(PluginError, match="plugin 'bad': build_param_groups returned"):
        plugins.build_param_groups(None, ParamGroupSettings(1.0, 1.0, 0.0))  # type: ignore[arg-type]


def test_rows_of_a_wrong_shape_or_value_name_the_plugin(base: Any) -> None:
    import torch

    from encswap import AdaptedEmbeddings
    from encswap.gliner import model as gliner

    table = gliner.embedding_table(base)
    for weight, told in (
        (table.weight[:-1], "shape"),
        (table.weight * torch.nan, "not finite"),
        ("rows", "not a tensor"),
    ):

        def adapt(candidate: Any, weight: Any = weight) -> AdaptedEmbeddings:
            return AdaptedEmbeddings(weight, {"own": 1})

        with pytest.raises(PluginError, match=f"plugin 'bad'.*{told}"):
            loaded(bad=plugin(adapt_embeddings=adapt)).adapt_embeddings(
                table, table, "own", torch.Generator()
            )


@pytest.mark.parametrize("returned", ["model", object()])
def test_an_encoder_that_is_none_names_the_plugin(returned: Any) -> None:
    from encswap import LoadedEncoder

    plugins = loaded(
        first=plugin(load_encoder=lambda spec: LoadedEncoder(returned, returned)),
    )
    with pytest.raises(PluginError, match="plugin 'first': load_encoder returned a model"):
        plugins.load_encoder(SPEC, None)  # type: ignore[arg-type]


def test_what_a_plugin_prints_goes_to_stderr_and_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def register_encoders(register: Any) -> None:
        print("hello")

    plugins = loaded(loud=plugin(register_encoders=register_encoders))
    printed = capsys.readouterr()
    assert printed.out == "" and "hello" in printed.err
    assert plugins.records["loud"].remarks == ["it prints while it is imported"]
    assert not plugins.failures()


def test_a_splitter_that_cannot_be_called_names_the_plugin() -> None:
    def register_word_splitters(register: Any) -> None:
        register("own", dict)

    plugins = loaded(one=plugin(register_word_splitters=register_word_splitters))
    with pytest.raises(PluginError, match="plugin 'one': splitter 'own' is dict"):
        plugins.splitter("own")


@pytest.mark.parametrize(
    ("mark", "winner"),
    [({}, "second"), ({"trylast": True}, "first"), ({"tryfirst": True}, "second")],
)
def test_the_plugin_that_was_loaded_last_is_asked_first(mark: Any, winner: str) -> None:
    def plugin_of(name: str, **mark: Any) -> object:
        made = ModuleType(name)
        groups = [ParamGroup(name, (), 1.0, 0.0)]
        made.build_param_groups = hookimpl(**mark)(lambda model: groups)  # type: ignore[attr-defined]
        return made

    plugins = load_plugins([("first", plugin_of("first")), ("second", plugin_of("second", **mark))])
    found = plugins.build_param_groups(None, ParamGroupSettings(1.0, 1.0, 0.0))  # type: ignore[arg-type]
    assert [group.name for group in found] == [winner]


def test_an_encoder_whose_plugin_was_set_aside_is_told_with_the_failure() -> None:
    def register_encoders(register: Any) -> None:
        register(SPEC)
        raise RuntimeError("the disk is gone")

    plugins = loaded(one=plugin(register_encoders=register_encoders))
    for name in ("own", "one"):
        with pytest.raises(UnknownNameError, match="plugin 'one' was set aside: RuntimeError: the"):
            spec_of(name, plugins)
    with pytest.raises(UnknownNameError, match=r"set aside: one \(RuntimeError: the disk is gone"):
        spec_of("other", plugins)
