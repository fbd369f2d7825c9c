"""The tutorial's plugin and the sample with all hooks, installed beside each other."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

import encswap
from encswap.plugins import HOOKS, load_plugins
from encswap.testing.verification import Verification
from tests import packages

DOCS = Path(__file__).parents[2] / "docs"
PACKAGES = (DOCS / "samples" / "encswap-all-hooks", DOCS / "tutorial" / "encswap-my-encoder")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return packages.install(PACKAGES, tmp_path_factory.mktemp("samples"))


def test_the_order_of_installation_does_not_matter(installed: Mapping[str, Path]) -> None:
    lists, tables = [], []
    for path in permutations(installed.values()):
        done = packages.encswap("plugins", "list", "--format", "json", path=path)
        assert done.returncode == 0, done.stdout
        lists.append(json.loads(done.stdout))
        done = packages.encswap("check", "--all", "--format", "json", path=path)
        assert done.returncode == 0 and done.stderr == ""
        tables.append(json.loads(done.stdout))
    assert lists[0] == lists[1] and tables[0] == tables[1]
    candidates = {one["name"]: one for one in tables[0]["candidates"]}
    assert {"my-encoder", "sample-encoder"} <= set(candidates)
    for one in candidates.values():
        codes = [finding["code"] for finding in one["findings"]]
        assert "my-licence" in codes


@pytest.mark.parametrize("decay", ["", "0.5"])
def test_both_keep_their_promises_beside_each_other(
    installed: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch, decay: str
) -> None:
    for folder in installed.values():
        monkeypatch.syspath_prepend(folder)
    if decay:
        monkeypatch.setenv("SAMPLE_LAYER_DECAY", decay)
    plugins = load_plugins()
    asked = {"all-hooks": ("spelled-out",)} | ({} if decay else {"my-encoder": ()})
    for name, methods in asked.items():
        verification = Verification.of(name, plugins, methods=methods)
        outcomes = [verification.outcome(case) for case in verification.cases]
        assert {one.status for one in outcomes} == {"kept"}, outcomes


def test_the_sample_uses_every_hook_and_only_public_names(installed: Mapping[str, Path]) -> None:
    done = packages.encswap(
        "plugins", "list", "--format", "json", path=[installed["encswap-all-hooks"]]
    )
    (record,) = (one for one in json.loads(done.stdout) if one["name"] == "all-hooks")
    assert set(record["hooks"]) == set(HOOKS)
    for package in PACKAGES:
        for path in package.glob("*.py"):
            assert imported(path) <= {*encswap.__all__}


def imported(path: Path) -> set[str]:
    found: set[Any] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("encswap"):
            assert node.module == "encswap"
            found |= {alias.name for alias in node.names}
    return found
