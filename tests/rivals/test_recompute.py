"""Scores again from predictions.jsonl, by a script that has the standard library alone."""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.conftest import (
    CANDIDATES,
    EMPTY,
    NASTY,
    NASTY_CANDIDATES,
    PLANTED,
    write_run,
)

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "rivals" / "recompute.py"


def recompute(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def with_rivals(tmp_path: Path) -> Path:
    """A run with known errors beside a rival that has others."""
    examples = [PLANTED, NASTY, EMPTY]
    run = write_run(tmp_path / "run", examples, [CANDIDATES, NASTY_CANDIDATES, []])
    rival = write_run(run / "rivals" / "tagger", examples, [CANDIDATES[:3], [], []], threshold=0.7)
    metrics = json.loads((run / "metrics.json").read_text())
    test = json.loads((rival / "metrics.json").read_text())["test"]
    metrics["rivals"] = {"tagger": {**test, "folder": "rivals/tagger"}, "far": {"error": "gone"}}
    (run / "metrics.json").write_text(json.dumps(metrics))
    return run


def test_a_trained_run_s_scores_and_its_rivals_come_out_to_the_last_digit(finished):
    folder, metrics = finished
    ran = recompute(folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "every number is the same to the last digit" in ran.stdout
    for name, rival in metrics["rivals"].items():
        assert f"{name}: F1 {rival['micro']['f1']!r}" in ran.stdout


def test_so_do_scores_that_are_neither_nothing_nor_all(tmp_path):
    run = with_rivals(tmp_path)
    ran = recompute(run)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "far: failed: gone" in ran.stdout
    for part in (run, run / "rivals" / "tagger"):
        assert 0 < json.loads((part / "metrics.json").read_text())["test"]["micro"]["f1"] < 1


@pytest.mark.parametrize(
    ("where", "place"), [(".", "per_label.Disease.f1"), ("rivals/tagger", "f1")]
)
def test_one_span_that_differs_is_named(tmp_path, where, place):
    run = with_rivals(tmp_path)
    path = run / where / "predictions.jsonl"
    lines = [json.loads(one) for one in path.read_text(encoding="utf-8").splitlines()]
    lines[0]["predictions"][0]["end"] += 1
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    ran = recompute(run)
    assert ran.returncode == 1 and place in ran.stdout and path.name in ran.stdout


def test_the_script_imports_nothing_of_encswap():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [one.name for one in node.names]
        )
    }
    assert names <= set(sys.stdlib_module_names)


@pytest.fixture(scope="module")
def page():
    """The module that writes the rivals' section of docs/findings.md."""
    spec = importlib.util.spec_from_file_location("rivals_page", SCRIPT.with_name("findings.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_as_the_committed_results_make_it(page):
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.written(text) == text, "run benchmarks/rivals/findings.py"


def test_seeds_of_real_runs_are_taken_from_the_file_names(page, tmp_path):
    for name, f1 in (("tuned-200", 0.5), ("tuned-200-s43", 0.6), ("tagger-200-s43", 0.7)):
        test = {"f1": f1} if name.startswith("tagger") else {"micro": {"f1": f1}}
        (tmp_path / f"{name}.json").write_text(json.dumps({"name": "x", "test": test}))
    (tmp_path / "base-english.json").write_text('{"test": {"a": {}}}')
    (tmp_path / "keep-200.json").write_text('{"failure": {"error": "no room"}}')
    scores = page.real_scores(tmp_path)
    assert scores == {"tuned": {200: {42: 0.5, 43: 0.6}}, "tagger": {200: {43: 0.7}}}
    shutil.copy(tmp_path / "tagger-200-s43.json", tmp_path / "tagger-200.json")
    said = page.real(page.real_scores(tmp_path))
    assert "200 documents: The tagger is ahead of swap, recipe `real` by 0.150" in said
    assert "2 seeds do not show" in said


def test_a_winner_is_shown_only_where_the_adjusted_p_says_so(page):
    sizes = {50: {n: 0.3 + n / 1000 for n in range(5)}, 200: {n: 0.5 + n / 10 for n in range(5)}}
    rival = {50: {n: 0.4 + n / 900 for n in range(5)}, 200: dict.fromkeys(range(5), 0.6)}
    said = page.mini({"swap": sizes, "tagger": rival})
    assert "50 documents: The tagger is ahead of the swap by 0.100, which 5 seeds show." in said
    assert "which 5 seeds do not show." in said
