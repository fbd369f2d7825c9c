"""`encswap predict` into files: resumed after a kill, folders of texts, annotators' formats."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.data.readers import read_examples
from encswap.errors import InputError
from encswap.files import HeldError, continued_file, unfinished

# What is found depends on the portion a text is read in, as rounding does in a real batch.
STUB = """
import os, signal, sys
from itertools import islice
import encswap.evaluate.predict as real
from encswap.types import Prediction

def predict_saved(model, texts, labels, threshold, *, at_once, say, progress):
    done, last = 0, int(os.environ.get("DIE_AT", "0"))
    while some := list(islice(texts, at_once)):
        progress(len(some))
        for place, text in enumerate(some):
            if last and done == last:
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1
            score = 1 / (2 + place + len(some) + sum(map(len, some)) % 7)
            yield text, [Prediction(0, 2, "Drug", score)]

real.predict_saved = predict_saved
from encswap.cli import main
main()
"""


def predict(*arguments, die_at=0):
    return subprocess.run(
        [sys.executable, "-c", STUB, "predict", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DIE_AT": str(die_at)},
    )


@pytest.fixture
def notes(tmp_path) -> Path:
    lines = [json.dumps({"id": n, "text": f"약물 {'x' * (n % 13)}"}) for n in range(50)]
    path = tmp_path / "notes.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def model(tmp_path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "encswap.json").write_text("{}")
    return folder


@pytest.mark.parametrize("form", ["jsonl", "label-studio"])
def test_what_was_killed_is_gone_on_with_and_is_the_same_to_the_byte(model, notes, tmp_path, form):
    arguments = [model, notes, "--batch", 8, "--format", form, "--out"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert predict(*arguments, whole).returncode == 0
    for die_at, least in ((21, 16), (13, 24)):
        killed = predict(*arguments, cut, die_at=die_at)
        assert killed.returncode == -signal.SIGKILL and not cut.exists()
        assert len(unfinished(cut).read_text(encoding="utf-8").splitlines()) >= least
    with unfinished(cut).open("a", encoding="utf-8") as file:
        file.write('{"id": 99, "te')  # a line that was cut
    done = predict(*arguments, cut)
    assert done.returncode == 0, done.stderr
    assert "documents were answered before" in done.stderr
    assert cut.read_bytes() == whole.read_bytes()
    assert {one.name for one in tmp_path.iterdir()} == {"model", "notes.jsonl", "whole", "cut"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("input", "input"),
        ("model", "model"),
        (["--threshold", "0.4"], "threshold"),
        (["--label", "Drug"], "labels"),
        (["--flat"], "--flat"),
        (["--format", "doccano"], "--format"),
        (["--batch", "9"], "--batch"),
    ],
)
def test_another_input_model_or_option_is_refused_in_one_line_and_nothing_is_lost(
    model, notes, tmp_path, change, said
):
    out = tmp_path / "out"
    predict(model, notes, "--batch", 8, "--out", out, die_at=20)
    before = unfinished(out).read_bytes()
    options = change if isinstance(change, list) else []
    if change == "input":
        notes.write_text(notes.read_text(encoding="utf-8").replace("xx", "yy"), encoding="utf-8")
    if change == "model":
        (model / "model.safetensors").write_bytes(b"other")
    batch = [] if "--batch" in options else ["--batch", 8]
    again = CliRunner().invoke(
        app, ["predict", *map(str, [model, notes, "--out", out, *batch, *options])]
    )
    assert again.exit_code == 2 and again.stderr.count("\n") == 1
    assert f"was begun with another {said}" in again.stderr
    assert unfinished(out).read_bytes() == before


def test_an_output_that_is_written_by_another_process_is_refused(tmp_path):
    with continued_file(tmp_path / "out", {"a": 1}, int) as (_, done):
        assert done == 0
        with (
            pytest.raises(HeldError, match="another process"),
            continued_file(tmp_path / "out", {"a": 1}, int),
        ):
            pass


def test_an_unfinished_file_that_is_a_link_is_never_written_through(tmp_path):
    (tmp_path / "mine").write_text("mine\n")
    unfinished(tmp_path / "out").symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match="is a link"), continued_file(tmp_path / "out", {}, int):
        pass
    assert (tmp_path / "mine").read_text() == "mine\n"


def texts_in(folder: Path) -> Path:
    (folder / "ward").mkdir(parents=True)
    (folder / "b.txt").write_text("\ufeff당뇨병\n두 줄\n", encoding="utf-8")
    (folder / "ward" / "a.txt").write_text("고혈압", encoding="utf-8")
    (folder / "left-out.md").write_text("no document", encoding="utf-8")
    return folder


def test_a_folder_holds_a_document_in_each_text_file(model, tmp_path):
    out = tmp_path / "found.jsonl"
    done = predict(model, texts_in(tmp_path / "notes"), "--out", out)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(one["id"], one["text"]) for one in records] == [
        ("b.txt", "당뇨병\n두 줄\n"), ("ward/a.txt", "고혈압")
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"\xb4\xe7", None])
def test_a_folder_without_texts_or_with_one_that_is_none_is_refused(model, tmp_path, content):
    folder = tmp_path / "notes"
    folder.mkdir()
    if content is not None:
        (folder / "a.txt").write_bytes(content)
    done = predict(model, folder)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert ("a.txt: is no UTF-8 text" if content else "holds no .txt") in done.stderr


@pytest.mark.parametrize("form", ["spans", "doccano"])
def test_what_is_written_for_a_tool_is_read_again_with_ids_and_spans(model, notes, tmp_path, form):
    out = tmp_path / "out.jsonl"
    assert predict(model, notes, "--format", form, "--out", out).returncode == 0
    examples = list(read_examples(out))
    assert [one.id.rpartition(":")[2] for one in examples] == [str(n) for n in range(50)]
    assert all([(m.start, m.end, m.label) for m in one.mentions] == [(0, 2, "Drug")]
               for one in examples)  # fmt: skip


def test_label_studio_gets_tasks_with_pre_annotations(model, notes):
    done = predict(model, notes, "--format", "label-studio")
    tasks = json.loads(done.stdout)
    assert len(tasks) == 50 and [one["data"]["id"] for one in tasks] == list(range(50))
    prediction = tasks[7]["predictions"][0]
    region = prediction["result"][0]
    assert region["value"] == {"start": 0, "end": 2, "text": "약물", "labels": ["Drug"]}
    assert (region["from_name"], region["to_name"], region["type"]) == ("label", "text", "labels")
    assert prediction["score"] == region["score"] and prediction["model_version"] == "encswap"
