"""Plugins that misbehave, as real packages beside the real command line: each costs only itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from encswap import EncswapError, Source
from encswap.plugins import load_plugins
from tests.packages import encswap, install

HERE = Path(__file__).parent / "hostile"
LIMIT = {"ENCSWAP_PLUGIN_TIMEOUT": "2"}
SHORT_CHECKS = "import encswap.plugins; encswap.plugins.CHECK_FACTOR = 1"
IN_FINDINGS = ("odd-evidence", "forges-lines")
TWICE = ("installed-twice-1", "installed-twice-2")
# Name of the folder: how the plugin is called in `plugins list`, and what is said of it.
AT_LOADING = {
    "raises-at-import": ("raises-at-import", "ValueError: this module does not import"),
    "exits-at-import": ("exits-at-import", "SystemExit: goodbye"),
    "odd-error-at-import": ("odd-error-at-import", "OddError: not an Exception"),
    "missing-module": ("missing-module", "No module named 'hostile_nowhere'"),
    "raises-at-registration": ("raises-at-registration", "RuntimeError: the second one"),
    "hangs-at-import": ("hangs-at-import", "took longer than 2 s"),
    "spins-at-registration": ("spins-at-registration", "took longer than 2 s"),
    "garbage-spec": ("garbage-spec", "register() takes an EncoderSpec, got dict"),
    "garbage-facts": ("garbage-facts", "fact 'config' is str, not a mapping"),
    "misspelt-hook": ("misspelt-hook", "did you mean 'register_encoders'"),
    "unknown-argument": ("unknown-argument", "check_compatibility has no argument 'device'"),
    "wrong-api": ("wrong-api", "it is written for API 99, this encswap speaks API 1"),
    "taken-name": ("taken-name", "registered by plugin 'ko-deberta' and by 'taken-name'"),
    "taken-entry-point": (
        "ko-deberta (hostile-taken-entry-point 1.0.0)",
        "is in 'encswap' and in 'hostile-taken-entry-point'",
    ),
    "closes-stdout": ("closes-stdout", ""),
    "prints-at-import": ("prints-at-import", ""),
}
IN_CHECKS = {
    "raises-in-check": "ZeroDivisionError",
    "exits-in-check": "SystemExit",
    "garbage-findings": "returned status 'splendid', known: pass, warn, fail, skip",
    "hangs-in-check": "took longer than 2 s",
    "prints-in-check": "prints while it checks",
    "writes-below-in-check": "writes-below-in-check: four",
    "closes-streams-in-check": "prints while it checks",
    "mute-error-in-check": "MuteError: its message cannot be read, RuntimeError",
    "interrupts-in-check": "it raised KeyboardInterrupt",
    "prints-later": "prints-later: in a thread",
    "warns-as-errors": "warns-as-errors: one",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return install(sorted(HERE.iterdir()), tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def others() -> Mapping[str, Any]:
    """What is printed where nobody is hostile."""
    return candidates(encswap("check", "--all", "--format", "json").stdout)


def candidates(stdout: str) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(stdout)["candidates"]}


def test_every_hostile_plugin_has_its_test() -> None:
    tested = {*AT_LOADING, *IN_CHECKS, *TWICE, "leaves-a-thread", "raises-in-load", *IN_FINDINGS}
    assert {folder.name for folder in HERE.iterdir()} == tested


@pytest.mark.parametrize("name", AT_LOADING)
def test_a_plugin_that_fails_at_loading_costs_only_itself(
    built: Mapping[str, Path], others: Mapping[str, Any], name: str
) -> None:
    called, said = AT_LOADING[name]
    done = encswap("check", "--all", "--format", "json", path=[built[name]], more=LIMIT)
    assert (done.returncode, candidates(done.stdout)) == (0, others)
    assert called in done.stderr and said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", IN_CHECKS)
def test_a_plugin_that_fails_in_a_check_costs_only_itself(
    built: Mapping[str, Path], others: Mapping[str, Any], name: str
) -> None:
    first = SHORT_CHECKS if name == "hangs-in-check" else ""
    check = ("check", "--all", "--format", "json")
    done = encswap(*check, path=[built[name]], more=LIMIT, first=first)
    assert (done.returncode, candidates(done.stdout)) == (0, others)
    assert name in done.stderr and IN_CHECKS[name] in done.stderr
    assert "Traceback" not in done.stderr


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def test_evidence_that_is_no_json_leaves_json_that_is_whole(
    built: Mapping[str, Path], others: Mapping[str, Any]
) -> None:
    check = ("check", "--all", "--format", "json")
    done = encswap(*check, path=[built["odd-evidence"]], more=LIMIT)
    json.loads(done.stdout, parse_constant=refuse_constant).keys()
    assert "\\ud800" not in done.stdout and len(done.stdout) < 10_000_000
    found = candidates(done.stdout)
    assert found.keys() == others.keys()
    for name, one in found.items():
        odd = [finding for finding in one["findings"] if finding["code"] == "odd"]
        one["findings"] = [f for f in one["findings"] if f["code"] != "odd"]
        assert one == others[name]
        assert [finding["evidence"]["value"] for finding in odd][:4] == [
            {"self": None},
            None,
            "<object>",
            "\ufffd",
        ]
        assert len(odd) == 7
    for lost in ("a cycle", "a number not finite", "object, which is no JSON", "OSError: eels"):
        assert lost in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["table", "markdown", "json"])
@pytest.mark.parametrize("more", [(), ("--verbose",)])
def test_what_a_finding_says_never_acts_on_a_terminal_nor_forges_a_line(
    built: Mapping[str, Path], form: str, more: tuple[str, ...]
) -> None:
    check = ("check", "--all", "--format", form, *more)
    done = encswap(*check, path=[built["forges-lines"]], more=LIMIT)
    assert done.returncode == 0
    for text in (done.stdout, done.stderr):
        assert not set(text) & set("\x1b\x07\x9b\u202e\r")
        assert not any(line.startswith("encswap: forged") for line in text.splitlines())
    assert "\\x1b" in done.stderr
    assert form != "json" or json.loads(done.stdout)


def test_all_of_them_at_once_cost_nobody_else_anything(
    built: Mapping[str, Path], others: Mapping[str, Any]
) -> None:
    left = [folder for name, folder in built.items() if "hangs" not in name]
    done = encswap("plugins", "list", "--format", "json", path=left, more=LIMIT)
    records = {one["name"]: one for one in json.loads(done.stdout)}
    assert done.returncode == 1
    for folder, (called, said) in AT_LOADING.items():
        if "hangs" not in folder:
            record = records[called]
            assert said in str(record["error"] or record["remarks"])
            assert record["distribution"] == f"hostile-{folder}"
    whole = {name for name, one in records.items() if one["distribution"] == "encswap"}
    assert set(others) <= whole
    assert not any(records[name]["error"] for name in whole)


def test_a_plugin_that_is_installed_in_two_versions_is_told_with_both_places(
    built: Mapping[str, Path], others: Mapping[str, Any]
) -> None:
    path = [built[name] for name in TWICE]
    done = encswap("plugins", "list", "--format", "json", path=path)
    records = {one["name"]: one for one in json.loads(done.stdout)}
    assert done.returncode == 1
    assert records["installed-twice"]["encoders"] == ["twice-1"]
    error = records["installed-twice (hostile-installed-twice 2.0.0)"]["error"]
    assert all(str(folder) in error for folder in path)
    done = encswap("check", "--all", "--format", "json", path=path)
    assert done.returncode == 0 and "is installed twice" in done.stderr
    assert set(candidates(done.stdout)) == {*others, "twice-1"}


def test_the_same_folder_twice_on_the_path_is_no_second_copy(built: Mapping[str, Path]) -> None:
    folder = built["installed-twice-1"]
    done = encswap("plugins", "list", "--format", "json", path=[folder, folder])
    assert done.returncode == 0


def test_a_thread_that_a_plugin_leaves_behind_does_not_keep_the_program(
    built: Mapping[str, Path], others: Mapping[str, Any]
) -> None:
    done = encswap("check", "--all", "--format", "json", path=[built["leaves-a-thread"]])
    assert (done.returncode, candidates(done.stdout)) == (0, others)


def test_a_loader_that_fails_stops_the_command_in_one_line_that_names_it(
    built: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(built["raises-in-load"])
    plugins = load_plugins()
    source = Source("own", Path("nowhere"), "folder", "nowhere")
    with pytest.raises(EncswapError) as caught:
        plugins.load_encoder(plugins.encoders["ko-deberta"], source)
    assert caught.value.exit_code == 2
    told = str(caught.value)
    assert "plugin 'raises-in-load': load_encoder raised OSError: the disk is full" in told
    assert "ENCSWAP_LOAD_PLUGINS" in told and "\n" not in told


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_the_printed_list_names_who_was_set_aside_and_why(
    built: Mapping[str, Path], form: str
) -> None:
    done = encswap("plugins", "list", "--format", form, path=[built["misspelt-hook"]])
    assert done.returncode == 1
    assert "misspelt-hook" in done.stdout and "did you mean" in done.stdout
