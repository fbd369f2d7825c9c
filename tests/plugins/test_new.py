from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import encswap
from encswap.cli import app
from encswap.plugins import Plugins
from encswap.testing.mini.encoders import mini_encoder
from encswap.testing.scaffold import TEMPLATES
from encswap.testing.scaffold.recorded import facts_code
from tests import packages
from tests.hub_server import COMMIT, Repository, from_folder, serving

runner = CliRunner()
README = b"---\nlicense: mit\n---\n# A model\n"


@pytest.fixture(scope="module")
def files(plugins: Plugins) -> Path:
    """A model's files: config, tokenizer and weights."""
    return mini_encoder(plugins.encoders["klue-roberta"])


def new(*arguments: str) -> Any:
    return runner.invoke(app, ["plugins", "new", *arguments])


def ruff(folder: Path) -> None:
    """Hold a package to ruff, as it was written."""
    for command in (["check", "--extend-select", "I"], ["format", "--check"]):
        program = [sys.executable, "-m", "ruff", *command, "."]
        subprocess.run(program, cwd=folder, check=True, capture_output=True)


def of_hub(
    repositories: Mapping[str, Repository], folder: Path, hub: str
) -> subprocess.CompletedProcess[str]:
    """Run the command before a hub-shaped server."""
    with serving(dict(repositories)) as address:
        more = {
            "HF_ENDPOINT": address,
            "HF_HOME": str(folder / "hf"),
            "HF_HUB_OFFLINE": "0",
            "ENCSWAP_CACHE": str(folder / "cache"),
        }
        out = str(folder / "new")
        return packages.encswap("plugins", "new", "own", "--hub", hub, "--out", out, more=more)


def test_facts_are_read_from_the_hub_at_one_commit(files: Path, tmp_path: Path) -> None:
    repository = from_folder(files)
    repository.files["README.md"] = README.replace(b"mit", b"[mit, 'a\"b']")
    done = of_hub({"org/model": repository}, tmp_path, "org/model")
    assert done.returncode == 0, done.stderr
    code = (tmp_path / "new" / "encswap_own.py").read_text(encoding="utf-8")
    assert f'revision="{COMMIT}"' in code
    assert """"licence": Fact('mit, a"b', "V", DATE, "README.md")""" in code
    ruff(tmp_path / "new")
    assert '"config_class": Fact("RobertaConfig", "V", DATE, "config.json")' in code
    assert '"model": "WordPiece"' in code
    assert re.search(r'^DATE = "\d{4}-\d{2}-\d{2}"$', code, re.MULTILINE)
    assert "model.safetensors" not in repository.asked


def test_a_model_that_the_hub_does_not_have_is_bad_input(tmp_path: Path) -> None:
    done = of_hub({}, tmp_path, "org/nothing")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "no such repository" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_gated_model_leaves_a_remark_and_no_facts(files: Path, tmp_path: Path) -> None:
    done = of_hub({"org/gated": from_folder(files, gate=True)}, tmp_path, "org/gated")
    assert done.returncode == 0
    assert "not recorded: org/gated: is gated" in done.stderr
    assert "Fact" not in (tmp_path / "new" / "encswap_own.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "made"
    result = new("own", "--hub", "org/model", "--source", str(files), "--out", str(folder))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        str(folder / name)
        for name in ("README.md", "encswap_own.py", "pyproject.toml", "tests/test_encswap_own.py")
    ]
    assert "not recorded: the licence" in result.stderr
    return folder


def test_the_package_passes_ruff_as_it_is_written(made: Path) -> None:
    ruff(made)


def test_the_package_installs_lists_and_finds_its_tests(made: Path, tmp_path: Path) -> None:
    """That they pass is a step of the tutorial, which has its own test."""
    installed = packages.install([made], tmp_path)["made"]
    done = packages.encswap("plugins", "list", "--format", "json", path=[installed])
    (record,) = (one for one in json.loads(done.stdout) if one["name"] == "own")
    assert record["encoders"] == ["own"] and record["error"] is None and record["api"] == 1
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only"]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    tested = subprocess.run(
        command, cwd=made, env=environment, capture_output=True, text=True, check=False
    )
    assert tested.returncode == 0, tested.stdout
    assert "11 tests collected" in tested.stdout


def test_without_network_the_package_says_so_and_its_tests_are_skipped(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    result = new("bare", "--hub", "org/model", "--out", str(folder))
    assert result.exit_code == 0
    assert "not recorded: org/model is not in the cache and the hub cannot be" in result.stderr
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "- Not recorded: org/model is not in the cache" in readme
    ruff(folder)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-x"], "is no package name"),
        (["a b"], "is no package name"),
        (["../x"], "is no package name"),
        (["모델"], "is no package name"),
        ([""], "is no package name"),
        (["mini"], "is reserved"),
        (["KO_deberta"], "'ko-deberta' is taken"),
        (["own", "--hub", "model"], "is no hub id"),
        (["own", "--out", "."], "is there already"),
        (["own", "--out", "nowhere/own"], "no such folder to put it in"),
        (["own", "--source", "nowhere"], "no such folder"),
    ],
)
def test_bad_input_ends_in_one_line_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = new("--hub", "org/model", *arguments[1:], "--", arguments[0])
    assert result.exit_code == 2
    assert said in result.stderr and result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_what_stands_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("mine", encoding="utf-8")
    result = new("own", "--hub", "org/model", "--out", str(tmp_path))
    assert result.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["own.txt"]


def test_facts_of_any_text_are_harmless_source() -> None:
    odd = 'a"b\\c\n{}$x \u2028 \U0001f600'
    value = {odd: odd, "list": [odd] * 9, "inner": {"x": float("nan")}, "empty": {}}
    code = facts_code({"config": encswap.Fact(value, "V", "2026-11", odd)})
    found = eval(f"dict({code})", {"Fact": encswap.Fact, "DATE": "2026-11"})
    assert found["facts"]["config"].source == odd
    assert found["facts"]["config"].value == {**value, "inner": {"x": None}}


def test_the_wheel_carries_the_templates(tmp_path: Path) -> None:
    root = Path(encswap.__file__).parents[1]
    code = f"import os; os.chdir({str(root)!r}); from hatchling.build import build_wheel;"
    code += f"print(build_wheel({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    wanted = {path.relative_to(root).as_posix() for path in TEMPLATES.rglob("*.tmpl")}
    assert len(wanted) == 4 and wanted <= carried
