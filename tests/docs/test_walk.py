"""Quickstart and guides are walked to the letter, in a fresh environment with an empty home."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WALK = Path(__file__).parents[2] / "docs" / "walk.py"


def walk(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(WALK), str(folder), *options],
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_trains_nothing_is_walked(tmp_path: Path):
    done = walk(tmp_path / "walked", "--quick")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "7 commands of 4 parts" in done.stdout
    work = tmp_path / "walked" / "work" / "guides"
    assert (work / "documents.jsonl").read_text(encoding="utf-8").count("\n") == 2
    assert list((tmp_path / "walked" / "home").rglob("*.json")) == []


@pytest.mark.slow
def test_quickstart_and_guides_are_walked(tmp_path: Path):
    done = walk(tmp_path / "walked")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    work = tmp_path / "walked" / "work"
    for name in ("quickstart/runs/rehearsal", "quickstart/runs/first", "guides/runs/second"):
        assert (work / name / "report.html").is_file()


@pytest.mark.parametrize(
    ("part", "said"),
    [("guides.md#nowhere", "no part"), ("nowhere.md", "No such file")],
)
def test_a_part_that_is_not_there_ends_the_walk(part: str, said: str, tmp_path: Path):
    done = walk(tmp_path / "walked", "--page", part)
    assert done.returncode != 0 and said in done.stderr


def test_a_command_that_fails_ends_the_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("walk", WALK)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "walk", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "DOCS", tmp_path)
    (tmp_path / "page").mkdir()
    (tmp_path / "page.md").write_text(
        "<!-- walk: skip for a reason -->\n```console\n$ false\n```\n\n"
        "<!-- walk: mini no hub -->\n<!-- snippet: parse it takes long -->\n"
        "```console\n$ echo one \\\n  two > said\nprinted\n$ false\n```\n"
    )
    with pytest.raises(SystemExit, match=r"page\.md:8: ended with 1: false"):
        module.walk(("page.md",), tmp_path, {"PATH": "/usr/bin:/bin"})
    assert (tmp_path / "page" / "said").read_text() == "one two\n"
    (_, block) = module.blocks_of("page.md")
    assert block.marks == {"walk mini": "no hub", "snippet parse": "it takes long"}
    assert module.at_mini_scale("encswap train -e x") == "encswap train -e x --scale mini"
    assert module.at_mini_scale("encswap report x") == "encswap report x"
