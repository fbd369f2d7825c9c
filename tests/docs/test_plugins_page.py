"""The page of a plugin's author: each promise has its place, and figures are the program's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import encswap
from encswap import plugins
from encswap.plugins import LOAD_VARIABLE, TRACE_VARIABLE, load_plugins
from encswap.testing import encoder_laws, plugin_laws, splitter_laws
from encswap.testing.verification import PAGE as NAMED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / NAMED).read_text(encoding="utf-8")
LAWS = (*plugin_laws.LAWS, *encoder_laws.LAWS, *splitter_laws.LAWS)
PROMISES = {law.__name__.replace("_", "-") for law in LAWS}


def test_every_promise_has_a_heading_and_every_heading_a_promise() -> None:
    section = PAGE.split("\n## Promises\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^### `([\w-]+)`$", section, re.MULTILINE)) == PROMISES


@pytest.mark.parametrize(
    "variable", [LOAD_VARIABLE, TRACE_VARIABLE, plugins.TIMEOUT_VARIABLE, "ENCSWAP_API = 1"]
)
def test_every_variable_is_told_of(variable: str) -> None:
    assert variable in PAGE


def test_the_limits_are_those_of_the_program() -> None:
    assert f"given up after {plugins.LOAD_SECONDS:g} seconds" in PAGE
    assert plugins.LOAD_SECONDS * plugins.CHECK_FACTOR == 5 * 60
    assert f"after {plugins.NOTICE_SECONDS:g} seconds which plugin" in PAGE
    assert f"`encswap.API_VERSION` is {encswap.API_VERSION}" in PAGE


def test_the_defaults_alone_are_loaded_where_no_plugin_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(LOAD_VARIABLE, "")
    assert not load_plugins().encoders
    monkeypatch.setenv(LOAD_VARIABLE, "encswap,my-encoder")
    assert "ko-deberta" in load_plugins().encoders
