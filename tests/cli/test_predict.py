"""`encswap predict` reads as much as it needs, names a broken line, and draws in colour."""

from __future__ import annotations

import io
import json

import pytest
from typer.testing import CliRunner

from encswap.cli import predict as command
from encswap.cli.app import app
from encswap.cli.predict import _lines, as_record, show
from encswap.domain import Prediction
from encswap.errors import InputError

TEXT = "당뇨병 환자\x1b[31m에게 인슐린"
FOUND = [Prediction(0, 3, "Disease", 0.91234), Prediction(len(TEXT) - 3, len(TEXT), "Drug", 0.5)]


@pytest.fixture
def answered(monkeypatch):
    """Predict without a model; tells what was taken from the input so far."""
    taken = []

    def predict_saved(model, texts, labels, threshold, *, at_once):
        for text in texts:
            taken.append(text)
            yield text, [Prediction(0, 1, "Disease", 0.9)]

    monkeypatch.setattr("encswap.train.scoring.predict_saved", predict_saved)
    return taken


def invoke(*arguments, **options):
    return CliRunner().invoke(app, ["predict", *map(str, arguments)], **options)


def test_stdin_gives_one_json_line_per_document(answered, tmp_path):
    result = invoke(tmp_path, "-", input="\ufeff당뇨병\r\n\n고혈압\n".encode())
    assert result.exit_code == 0, result.output
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["text"] for one in records] == ["당뇨병", "고혈압"]
    assert records[0]["entities"][0]["text"] == "당"


def test_a_line_that_is_not_utf_8_is_named_after_those_before_are_answered(answered, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_bytes("당뇨병\n".encode() + b"\xb4\xe7\n")
    result = invoke(tmp_path, file)
    assert result.exit_code == 2
    assert "notes.txt:2: cannot be read as text" in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_a_file_that_is_not_there_is_said_before_a_model_is_loaded(tmp_path):
    result = invoke(tmp_path, tmp_path / "nothing.txt")
    assert result.exit_code == 2 and "nothing.txt: cannot be read" in result.stderr


def test_lines_are_read_as_they_are_wanted():
    class Endless(io.BytesIO):
        def __iter__(self):
            while True:
                yield "당뇨병\n".encode()

    lines = _lines(Endless(), "-")
    assert [next(lines) for _ in range(3)] == ["당뇨병"] * 3


def test_a_broken_line_says_where():
    with pytest.raises(InputError, match="-:1: "):
        list(_lines(io.BytesIO(b"\xff\xfe"), "-"))


def test_a_record_holds_offsets_and_scores():
    entities = as_record(TEXT, FOUND)["entities"]
    assert entities[0] == {
        "start": 0,
        "end": 3,
        "label": "Disease",
        "text": "당뇨병",
        "score": 0.9123,
    }
    assert entities[1]["text"] == "인슐린"


def test_a_terminal_gets_colour_and_no_control_characters(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    show(TEXT, FOUND)
    drawn = capsys.readouterr().out
    assert "\ufffd[31m" in drawn
    assert "\x1b[1;4;36m당뇨병" in drawn
    assert "Drug" in drawn and "0.50" in drawn


def test_text_may_be_asked_for_without_a_terminal(answered, tmp_path):
    result = invoke(tmp_path, "--text", "당뇨병", "--format", "text")
    assert "Disease  당  0–1  0.90" in result.stdout
    assert command.Shape.auto == "auto"
