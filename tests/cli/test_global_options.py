"""Options of every command: device, quiet, log level; and completion in a shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.cli.global_options import choose_device
from encswap.cli.output import be_quiet, is_quiet, note
from encswap.errors import InputError


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "encswap", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:x", "cuda:-1", "CPU", ""])
def test_a_device_that_is_none_is_refused_with_those_that_are(device):
    done = CliRunner().invoke(app, ["--device", device, "check"])
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert "known: auto, cpu, cuda" in done.stderr


def test_cpu_hides_the_gpus_and_a_number_counts_among_those_that_are_shown(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    choose_device("auto")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,5"
    with pytest.raises(InputError, match="shows 2"):
        choose_device("cuda:2")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    choose_device("cuda:1")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5"
    choose_device("cpu")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_a_gpu_that_torch_does_not_see_is_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="torch sees no cuda"):
        choose_device("cuda")


def test_the_device_may_come_from_the_environment():
    done = run("check", ENCSWAP_DEVICE="tpu")
    assert done.returncode == 2 and "'tpu' is no device" in done.stderr


def test_quiet_leaves_results_and_errors(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a", "entities": {"B": ["a"]}}\n')
    arguments = ["data", "convert", str(tmp_path / "a.jsonl"), "--to", "spans"]
    told = CliRunner().invoke(app, [*arguments, str(tmp_path / "one")])
    assert "wrote 1 documents" in told.stderr
    quiet = CliRunner().invoke(app, ["--quiet", *arguments, str(tmp_path / "two")])
    assert quiet.stderr == "" and (tmp_path / "two").is_file()
    again = CliRunner().invoke(app, ["-q", *arguments, str(tmp_path / "two")])
    assert again.exit_code == 2 and again.stderr.count("\n") == 1
    CliRunner().invoke(app, ["--version"])
    assert not is_quiet()


def test_what_is_said_is_heard_again_after_a_quiet_command(capsys):
    be_quiet(True)
    note("hidden")
    be_quiet(False)
    note("shown")
    assert capsys.readouterr().err == "shown\n"


def test_the_log_comes_as_lines_on_stderr_and_never_on_stdout(tmp_path):
    code = """
import logging, sys
from encswap.cli.app import app
@app.command("try-it")
def try_it() -> None:
    logging.getLogger("encswap.x").info("first\\nsecond")
    logging.getLogger("encswap.x").debug("finer")
from encswap.cli import main
main()
"""
    for level, seen in [("info", 1), ("debug", 2), ("warning", 0)]:
        done = subprocess.run(
            [sys.executable, "-c", code, "--log-level", level, "try-it"],
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [line for line in done.stderr.splitlines() if "encswap.x" in line]
        assert done.stdout == "" and len(lines) == seen, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script_and_completions(shell):
    script = run("completion", shell)
    assert script.returncode == 0 and "_ENCSWAP_COMPLETE" in script.stdout
    asked = {"_ENCSWAP_COMPLETE": f"complete_{shell}", "COMP_CWORD": "1"}
    asked |= {"COMP_WORDS": "encswap pre", "_TYPER_COMPLETE_ARGS": "encswap pre"}
    done = run(**asked, _TYPER_COMPLETE_FISH_ACTION="get-args")
    assert "predict" in done.stdout


def test_an_unknown_shell_is_refused():
    assert CliRunner().invoke(app, ["completion", "cmd"]).exit_code == 2


def test_json_results_are_whole_when_quiet():
    done = CliRunner().invoke(app, ["--quiet", "check", "--format", "json"])
    assert json.loads(done.stdout)["recommended"]
