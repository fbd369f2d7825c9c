"""`encswap trim` says what it dropped, and refuses in one line."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from encswap.cli.app import app


def invoke(*arguments):
    return CliRunner().invoke(app, ["trim", *map(str, arguments)])


def test_an_encoder_is_trimmed_and_the_result_told(tmp_path):
    given = ("--scale", "mini", "--texts", "ko-medical/test.jsonl", "--splitter", "char")
    told = invoke("koelectra", *given, "--out", tmp_path / "small", "--format", "json")
    assert told.exit_code == 0, told.output
    outcome = json.loads(told.stdout)
    assert outcome["kind"] == "encoder"
    assert outcome["rows"][1] < outcome["rows"][0]
    again = invoke(tmp_path / "small", *given[2:], "--out", tmp_path / "twice")
    assert again.exit_code == 0, again.output
    assert f"{outcome['rows'][1]:,} before, {outcome['rows'][1]:,} after" in again.stdout


def test_a_checkpoint_is_trimmed(base_folder, tmp_path):
    told = invoke(base_folder, "--texts", "en-medical/test.jsonl", "--out", tmp_path / "small")
    assert told.exit_code == 0, told.output
    assert "Checkpoint:" in told.stdout
    assert (tmp_path / "small" / "encoder_config").is_dir()


def test_bad_input_ends_in_one_line(base_folder, tmp_path):
    taken = invoke(base_folder, "--texts", "en-medical/test.jsonl", "--out", base_folder)
    missing = invoke(base_folder, "--texts", "nowhere.txt", "--out", tmp_path / "small")
    for told, said in ((taken, "nothing is overwritten"), (missing, "no such file")):
        assert told.exit_code == 2
        assert said in told.stderr.strip().splitlines()[-1]
        assert "Traceback" not in told.stderr
    assert list(tmp_path.iterdir()) == []
