from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from encswap.cli import app

runner = CliRunner()


def test_facts_need_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from encswap.cli import app;"
        "app(['check', '--all', '--format', 'json'], standalone_mode=False);"
        "assert not {'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["recommended"] == "ko-deberta"


def test_the_table_shows_evidence_and_claim_and_is_not_wider_than_a_page() -> None:
    result = runner.invoke(app, ["check", "--all"])
    assert result.exit_code == 0
    assert "134.7M (plan: 131M)" in result.stdout
    assert "ko-deberta ★" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 120


def test_markdown_is_one_table() -> None:
    result = runner.invoke(app, ["check", "kure", "ko-deberta", "--format", "markdown"])
    rows = [line for line in result.stdout.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert len({row.count(" | ") for row in rows}) == 1


def test_nothing_selected_exits_with_one() -> None:
    assert runner.invoke(app, ["check", "kure"]).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "ko-debrta"], "did you mean 'ko-deberta'"),
        (["check", "./nowhere"], "no such folder"),
        (["check", "--criteria", "plann"], "plan, shape"),
        (["check", "--explain", "layer"], "did you mean 'layers'"),
        (["check", "--base", "gliner3"], "unknown"),
        (["check", "someone/model"], "offline ways: a local folder"),
    ],
)
def test_bad_input_ends_in_one_line(arguments: list[str], said: str) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert said in result.stderr and result.stderr.count("\n") == 1


def test_explain_tells_of_one_code() -> None:
    result = runner.invoke(app, ["check", "--explain", "pad-id"])
    assert result.stdout.startswith("## `pad-id`")


def test_verbose_lists_every_finding() -> None:
    result = runner.invoke(app, ["check", "ko-deberta", "-v"])
    assert "published" not in result.stdout
    for code in ("architecture", "licence", "revision", "resources"):
        assert code in result.stdout


def test_help_writes_an_argument_that_may_be_repeated_once():
    for command, usage in (("check", "[NAME]..."), ("report", "{RUN}...")):
        result = CliRunner().invoke(app, [command, "--help"])
        assert f"{command} [OPTIONS] {usage}\n" in result.stdout
