"""`encswap predict` reads as much as it needs, names a broken line, and draws in colour."""

from __future__ import annotations

import gzip
import json
import unicodedata

import pytest
from typer.testing import CliRunner

from encswap.cli import predict as command
from encswap.cli.app import app
from encswap.cli.output import new_text_file
from encswap.cli.predict import as_record, show
from encswap.data.documents import open_documents
from encswap.errors import InputError
from encswap.types import Prediction

TEXT = "당뇨병 환자\x1b[31m에게 인슐린"
FOUND = [Prediction(0, 3, "Disease", 0.91234), Prediction(len(TEXT) - 3, len(TEXT), "Drug", 0.5)]


@pytest.fixture
def answered(monkeypatch):
    """Predict without a model; tells what was taken from the input so far, and what was asked."""
    taken = []

    def predict_saved(model, texts, labels, threshold, *, at_once, say, progress):
        taken.clear()
        for text in texts:
            taken.append(text)
            progress(1)
            yield text, [Prediction(0, 1, label, 0.9) for label in labels or ["Disease"]]

    monkeypatch.setattr("encswap.evaluate.predict.predict_saved", predict_saved)
    return taken


def invoke(*arguments, **options):
    return CliRunner().invoke(app, ["predict", *map(str, arguments)], **options)


def records_of(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def refused(*arguments, **options):
    result = invoke(*arguments, **options)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("encswap: ")
    return line


@pytest.mark.parametrize("given", [["-"], []])
def test_stdin_gives_one_json_line_per_document_with_and_without_a_flag(answered, tmp_path, given):
    records = records_of(invoke(tmp_path, *given, input="\ufeff당뇨병\r\n\n고혈압\n".encode()))
    assert [one["text"] for one in records] == ["당뇨병", "고혈압"]
    assert [one["id"] for one in records] == ["stdin:1", "stdin:3"]
    assert records[0]["entities"][0]["text"] == "당"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.jsonl", '{"id": "a", "text": "당뇨병"}\n\n{"id": "a", "text": "고혈압"}\n'),
        ("input.jsonl", '{"input": "당뇨병", "id": "a"}\n{"input": "고혈압", "id": "a"}\n'),
        ("plan.jsonl", '{"id": "a", "text": "당뇨병", "entities": {"D": ["당뇨병"]}}\n'
                       '{"id": "a", "text": "고혈압", "entities": null}\n'),
        ("mixed.jsonl", '{"id": "a", "text": "당뇨병", "entities": {"D": ["없다"]}}\n'
                        '{"id": "a", "text": "고혈압"}\n'),
        ("gliner2.jsonl", '{"id": "a", "input": "당뇨병", "output": {"entities": {}}}\n'
                          '{"id": "a", "input": "고혈압", "output": {}}\n'),
        ("array.json", '[\n {"id": "a", "text": "당뇨병"},\n {"id": "a", "text": "고혈압"}\n]\n'),
    ],
)  # fmt: skip
def test_records_are_read_labelled_or_not_with_ids_that_may_repeat(
    answered, tmp_path, name, content
):
    (tmp_path / name).write_text(content, encoding="utf-8")
    records = records_of(invoke(tmp_path, tmp_path / name))
    assert [(one["id"], one["text"]) for one in records] == [("a", "당뇨병"), ("a", "고혈압")]
    assert [list(one) for one in records] == [["id", "text", "entities"]] * 2


def test_an_id_stays_what_it_was_and_one_is_made_of_file_and_line_where_there_is_none(
    answered, tmp_path
):
    (tmp_path / "n.jsonl").write_text('{"text": "a", "id": 7}\n{"text": "b"}\n')
    assert [one["id"] for one in records_of(invoke(tmp_path, tmp_path / "n.jsonl"))] == [7, "n:2"]
    assert records_of(invoke(tmp_path, "--text", "a"))[0]["id"] == "text:1"


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("words.conll", "Diabetes B-D\nhurts O\n\nInsulin B-M\nhelps O\n",
         ["Diabetes hurts", "Insulin helps"]),
        ("klue.tsv", "## a\t당뇨\n당\tB-D\n뇨\tI-D\n\n## b\t암\n암\tB-D\n", ["당뇨", "암"]),
        ("kbmc.tsv", "간암 환자\tD-B O\n", ["간암 환자"]),
    ],
)  # fmt: skip
def test_tables_that_other_commands_read_are_documents_here(
    answered, tmp_path, name, content, texts
):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert [one["text"] for one in records_of(invoke(tmp_path, tmp_path / name))] == texts


def test_gzip_is_read_as_what_it_holds(answered, tmp_path):
    (tmp_path / "n.jsonl.gz").write_bytes(gzip.compress(b'{"text": "a", "id": "x"}\n'))
    assert records_of(invoke(tmp_path, tmp_path / "n.jsonl.gz"))[0]["id"] == "x"


@pytest.mark.parametrize(
    "line", ["{not json", "[1] 환자는 당뇨병이다", "{주} 환자는", "a\tb", "O", "그는 왔다 O"]
)
def test_plain_text_may_look_like_anything_where_it_is_called_text(answered, tmp_path, line):
    (tmp_path / "n.txt").write_text(f"{line}\n{{}}\n", encoding="utf-8")
    records = records_of(invoke(tmp_path, tmp_path / "n.txt", "--from", "text"))
    assert [one["text"] for one in records] == [line, "{}"]


def test_a_line_that_begins_with_a_bracket_is_text(answered, tmp_path):
    (tmp_path / "n.txt").write_text("[1] 환자\n[서울] 병원\n", encoding="utf-8")
    assert len(records_of(invoke(tmp_path, tmp_path / "n.txt"))) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": "a"\n', "n:1: not JSON"),
        ('{"body": "a"}\n', "'body'"),
        ('{"text": 5}\n', "'text'"),
        ('{"text": "a"}\nb\n', "n:2: not JSON"),
        ('{"text": "a"}\n{"texts": "b"}\n', "n:2: lacks 'text'"),
        ('{"text": "a"}\n[1]\n', "n:2: should be an object"),
        ('plain\n{"text": "a"}\n', "n:2: a JSON record among lines of text"),
        ('[{"text": "a"}, 5]\n', "n:1: should be an object"),
        ("a\tb\nc\td\n", "n:1: the format is not"),
        ("", "n: the file is empty"),
        ("\n \n", "n: the file holds only blank lines"),
    ],
)
def test_json_is_never_taken_for_text_nor_a_broken_table(answered, tmp_path, content, said):
    (tmp_path / "n").write_text(content, encoding="utf-8")
    result = invoke(tmp_path, tmp_path / "n")
    assert result.exit_code == 2, result.output
    assert said in result.stderr and len(result.stderr.splitlines()) == 1
    texts = [json.loads(line)["text"] for line in result.stdout.splitlines()]
    assert all(one in ("a", "plain") for one in texts)


def test_a_line_that_is_not_utf_8_is_named_after_those_before_are_answered(answered, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_bytes("당뇨병\n".encode() + b"\xb4\xe7\n")
    result = invoke(tmp_path, file)
    assert result.exit_code == 2
    assert "notes.txt:2: not UTF-8" in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_a_file_that_is_not_there_is_said_before_a_model_is_loaded(tmp_path):
    assert "nothing.txt: no such file" in refused(tmp_path, tmp_path / "nothing.txt")


def test_documents_are_read_as_they_are_wanted(tmp_path):
    (tmp_path / "n.txt").write_bytes("당뇨병\n".encode() * 50_000)
    documents = open_documents(tmp_path / "n.txt")
    assert [next(documents).text for _ in range(3)] == ["당뇨병"] * 3


def test_labels_are_asked_once_each_in_nfc_without_space_around(answered, tmp_path):
    label = "약물"
    given = [label, unicodedata.normalize("NFD", label), f" {label}\u00a0", "Drug", label]
    options = [word for one in given for word in ("--label", one)]
    found = records_of(invoke(tmp_path, "--text", "가나", *options))[0]["entities"]
    assert [one["label"] for one in found] == [label, "Drug"]


@pytest.mark.parametrize("label", ["", " ", "\u00a0\t", "\u200b", "\ufeff", "\n"])
def test_an_empty_label_is_refused_before_a_model_is_loaded(tmp_path, label):
    assert "--label: a label is" in refused(tmp_path, "--text", "a", "--label", label)


def test_a_file_appears_once_it_is_whole_and_never_over_another(answered, tmp_path):
    out = tmp_path / "found.jsonl"
    assert invoke(tmp_path, "--text", "당뇨병", "--out", out).stdout == ""
    before = out.read_text(encoding="utf-8")
    assert json.loads(before)["text"] == "당뇨병"
    assert "nothing is overwritten" in refused(tmp_path, "--text", "a", "--out", out)
    assert out.read_text(encoding="utf-8") == before
    (tmp_path / "n.txt").write_bytes(b"a\n\xff\n")
    assert "n.txt:2" in refused(tmp_path, tmp_path / "n.txt", "--out", tmp_path / "other")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["found.jsonl", "n.txt"]
    assert "cannot be written" in refused(tmp_path, "--text", "a", "--out", tmp_path / "no" / "x")


def test_a_link_and_a_file_that_came_meanwhile_are_not_overwritten(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with (
        pytest.raises(InputError, match="nothing is overwritten"),
        new_text_file(tmp_path / "link"),
    ):
        pass
    with (
        pytest.raises(InputError, match="nothing is overwritten"),
        new_text_file(tmp_path / "out") as file,
    ):
        file.write("mine")
        (tmp_path / "out").write_text("another's")
    assert (tmp_path / "out").read_text() == "another's"


def test_long_work_says_how_far_it_is(answered, tmp_path, monkeypatch):
    monkeypatch.setattr("encswap.cli.progress.PACE", 0.0)
    result = invoke(tmp_path, input=b"a\nb\n")
    assert "documents answered: 2, windows scored: 2" in result.stderr
    monkeypatch.setattr("encswap.cli.progress.PACE", 60.0)
    assert invoke(tmp_path, input=b"a\nb\n").stderr == ""


def test_a_record_holds_offsets_and_scores():
    entities = as_record(TEXT, FOUND, 1)["entities"]
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
    assert command.PredictionFormat.auto == "auto"


def test_flat_keeps_one_label_a_span(answered, tmp_path):
    asked = ("--text", "당뇨병", "--label", "A", "--label", "B")
    (both,) = records_of(invoke(tmp_path, *asked))
    (flat,) = records_of(invoke(tmp_path, *asked, "--flat"))
    assert [one["label"] for one in both["entities"]] == ["A", "B"]
    assert [one["label"] for one in flat["entities"]] == ["A"]
