from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from typing import Any

import pytest
from typer.testing import CliRunner

from encswap.check.criteria import Reason, load_criteria
from encswap.check.verdicts import CandidateResult, CheckReport, Request, run_checks
from encswap.cli import app
from encswap.cli.check_table import table_text
from encswap.plugins import load_plugins
from encswap.types import CheckContext

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


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        runner.invoke(app, ["check", "--all", "--format", "json"]).stdout
    )
    return found


def blocks(text: str) -> dict[str, str]:
    """What is shown of each candidate, by its name, with every run of white space as one space."""
    found = {}
    for block in text.split("\n\n"):
        flat = " ".join(block.split()).removeprefix(HEAD_RULE.search(" ".join(block.split()))[0])
        found[flat.split(" ")[0]] = flat
    return found


HEAD_RULE = re.compile("^(candidate .*?─+ )?")


def assert_whole(text: str, report: dict[str, Any]) -> None:
    """Every verdict, number, class and reason of every candidate is there, uncut."""
    assert "…" not in text
    shown = blocks(text)
    for one in report["candidates"]:
        block = shown[one["name"]]
        sign = {"selected": "✓", "rejected": "✗", "fits": "✓", "does not fit": "✗"}
        for verdict in (one["verdict"], one["evidence_verdict"]):
            assert f"{sign[verdict]} {verdict}" in block, (one["name"], verdict)
        assert f"{one['parameters'] / 1e6:.1f}M" in block
        assert one["architecture"] in block and (one["config_class"] or "") in block
        assert one["hidden_size"] is None or str(one["hidden_size"]) in block
        for claim in one["claims"].values():
            assert f"(plan: {claim.split(' (')[0]})" in block
        for reason in [*one["reasons"], *one["evidence_reasons"]]:
            assert reason["message"] in block, reason


def test_through_a_pipe_the_table_has_no_width(report: dict[str, Any]) -> None:
    result = runner.invoke(app, ["check", "--all"])
    assert result.exit_code == 0
    assert_whole(result.stdout, report)
    assert "134.7M (plan: 131M)" in result.stdout
    assert "ko-deberta ★" in result.stdout
    lines = result.stdout.splitlines()
    assert all(line == line.rstrip() for line in lines)
    for one in report["candidates"]:  # a reason is one line, however long it is
        whole = "; ".join(reason["message"] for reason in one["reasons"])
        assert any(line.endswith(whole) for line in lines)


@pytest.mark.parametrize("width", [36, 60, 80, 120])
def test_a_table_of_any_width_is_whole(report: dict[str, Any], width: int) -> None:
    from rich.cells import cell_len

    plugins = load_plugins()
    request = Request(
        list(plugins.encoders),
        "gliner2-base",
        load_criteria("plan"),
        CheckContext(depth="facts"),
    )
    text = table_text(run_checks(request, plugins), width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert_whole(text, report)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_shows_both_verdicts_in_the_row_of_each_candidate(
    report: dict[str, Any], width: int
) -> None:
    from rich.cells import cell_len

    text = on_terminal(["check", "--all"], width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert_whole(text, report)
    for one in report["candidates"]:
        (row,) = [line for line in text.splitlines() if line.startswith(one["name"] + " ")]
        assert one["verdict"] in row and one["evidence_verdict"] in row
    head = next(line for line in text.splitlines() if line.startswith("candidate"))
    assert head.split()[1:3] == ["plan", "evidence"]


def on_terminal(arguments: list[str], width: int) -> str:
    """What a terminal of some width shows, without its colours."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-m", "encswap", *arguments],
        stdout=slave,
        stderr=subprocess.PIPE,
        env=environment | {"TERM": "xterm-256color"},
    )
    os.close(slave)
    parts = []
    while True:
        try:
            part = os.read(master, 65_536)
        except OSError:  # Linux ends a terminal that nobody writes to any more with EIO
            break
        if not part:
            break
        parts.append(part)
    os.close(master)
    assert process.wait() in (0, 1) and process.stderr is not None
    process.stderr.close()
    return re.sub(r"\x1b\[[0-9;]*m", "", b"".join(parts).decode()).replace("\r", "")


def test_a_long_name_costs_columns_and_no_verdict() -> None:
    one = CandidateResult(
        "somebody/a-model-of-an-unusually-long-name-that-fills-a-line",
        "x", None, "ELECTRA", "ElectraConfig", 768, 12, 112_330_752, "rejected", "facts",
        (Reason("layers", "6 layers"),), "fits", (Reason("hidden-size", "its hidden size, 768"),),
    )  # fmt: skip
    text = table_text(CheckReport("base", "plan", "facts", None, (one,)), 80)
    flat = " ".join(text.split())
    assert one.name in flat and "✗ rejected" in flat and "✓ fits" in flat and "112.3M" in flat
    assert max(map(len, text.splitlines())) <= 80


def test_the_lines_below_the_table_say_whose_rule_rejects_and_what_the_plan_is() -> None:
    shown = runner.invoke(app, ["check", "koelectra"]).stdout
    assert "is rejected by its rule, not by a measurement" in shown
    assert shown.count("docs/plan.md") == 1
    assert "docs/plan.md" not in runner.invoke(app, ["check", "--criteria", "shape"]).stdout


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


def test_explain_lays_markdown_out_on_a_terminal() -> None:
    shown = on_terminal(["check", "--explain", "pad-id"], 80)
    assert "pad-id" in shown and "Fails:" in shown
    assert not {"#", "*", "`"} & set(shown)
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    "choices", ["facts|config|forward|weights", "full|mini", "table|json|markdown"]
)
def test_help_shows_what_an_option_may_be(choices: str) -> None:
    assert f"<{choices}>" in runner.invoke(app, ["check", "--help"]).stdout


def test_verbose_lists_every_finding() -> None:
    result = runner.invoke(app, ["check", "ko-deberta", "-v"])
    assert "published" not in result.stdout
    for code in ("architecture", "licence", "revision", "resources"):
        assert code in result.stdout


def test_help_writes_an_argument_that_may_be_repeated_once():
    for command, usage in (("check", "[NAME]..."), ("report", "{RUN}...")):
        result = CliRunner().invoke(app, [command, "--help"])
        assert f"{command} [OPTIONS] {usage}\n" in result.stdout
