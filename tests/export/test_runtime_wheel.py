"""`encswap-runtime`: the runtime as a distribution without torch, from the same sources."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "packaging" / "runtime"
HEAVY = ("torch", "transformers", "gliner2", "accelerate", "scipy", "safetensors")


def project(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_it_has_the_version_and_splitters_of_encswap_and_asks_for_nothing_heavy():
    whole, runtime = project(ROOT), project(RUNTIME)
    assert runtime["version"] == whole["version"]
    assert runtime["requires-python"] == whole["requires-python"]
    assert runtime["entry-points"]["encswap"].items() <= whole["entry-points"]["encswap"].items()
    extras = whole["optional-dependencies"].values()
    asked = [*whole["dependencies"], *(one for extra in extras for one in extra)]
    own = [*runtime["dependencies"], *runtime["optional-dependencies"]["korean"]]
    assert {one for one in own if not one.startswith("numpy")} <= set(asked)
    assert not [one for one in own if one.startswith(HEAVY)]


@pytest.mark.slow
def test_it_installs_into_an_empty_environment_and_predicts(
    checkpoint, export_of, korean, tmp_path, monkeypatch
):
    from hatchling.build import build_wheel

    from encswap.runtime import load

    pytest.importorskip("onnxruntime")
    export = tmp_path / "export"
    export_of(checkpoint(), export)
    monkeypatch.chdir(RUNTIME)
    wheel = tmp_path / build_wheel(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "empty"], check=True)
    python = tmp_path / "empty" / "bin" / "python"
    limits = ROOT / "constraints.txt"
    command = [python, "-m", "pip", "install", "-q", "-c", limits, f"{wheel}[korean]"]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Could not find a version" in installed.stderr or "ConnectionError" in installed.stderr:
        pytest.skip("no package index")
    assert installed.returncode == 0, installed.stderr
    texts = [example.text for example in korean]
    code = (
        "import json, sys, time\n"
        "began = time.perf_counter()\n"
        "import encswap.runtime\n"
        f"model = encswap.runtime.load({str(export)!r})\n"
        "took = time.perf_counter() - began\n"
        "found = [[(a.start, a.end, a.label) for a in one] for one in"
        f" model.predict({texts!r})]\n"
        "from importlib.util import find_spec\n"
        f"there = [name for name in {HEAVY!r} if find_spec(name)]\n"
        "print(json.dumps([found, there, took]))\n"
    )
    plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=False, env=plain
    )
    assert done.returncode == 0, done.stderr
    found, there, _ = json.loads(done.stdout)
    assert there == []
    mine = [[[a.start, a.end, a.label] for a in one] for one in load(export).predict(texts)]
    assert found == mine and sum(map(len, found)) > 0
