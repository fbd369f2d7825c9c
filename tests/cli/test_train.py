"""What a person types wrong: one line, exit 2, nothing written and nothing overwritten."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.manifest import read_manifest

GOOD = {"text": "당뇨병 환자이다.", "entities": {"Disease": ["당뇨병"]}}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(path: Path, *records) -> str:
    texts = [
        one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in records
    ]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path.name


def refused(here: Path, *arguments: str) -> str:
    before = sorted(path.name for path in here.iterdir())
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 2, result.output
    assert sorted(path.name for path in here.iterdir()) == before
    assert result.stdout == ""
    said = [line for line in result.stderr.splitlines() if not line.endswith("…")]
    assert len(said) == 1 and said[0].startswith("encswap: "), result.stderr
    return said[0]


def train(here: Path, *arguments: str) -> str:
    return refused(here, "train", "--scale", "mini", *arguments)


def test_an_unknown_encoder_names_the_nearest_and_lists_the_known(here: Path):
    said = train(here, "--encoder", "ko-debert")
    assert "did you mean 'ko-deberta'?" in said
    assert "koelectra" in said and "xlm-r" in said


def test_an_unreachable_hub_is_said_in_seconds_with_the_offline_way(here: Path):
    train_file = lines(here / "train.jsonl", *[{**GOOD, "text": f"{n}. 당뇨병"} for n in range(20)])
    began = time.monotonic()
    said = refused(
        here, "train", "--encoder", "someone/encoder", "--train", train_file, "--test", train_file
    )
    assert time.monotonic() - began < 20
    assert "--scale mini" in said or "folder" in said


def test_a_folder_that_is_no_model_says_so(here: Path):
    (here / "empty").mkdir()
    (here / "empty" / "notes.txt").write_text("nothing")
    assert "config.json" in train(here, "--encoder", "./empty")


def test_a_hidden_size_that_does_not_fit_is_refused(here: Path, base_folder: Path):
    said = train(here, "--encoder", "kure", "--base", str(base_folder))
    assert "hidden size 128" in said and "read 96" in said


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        ("{not json", "train.jsonl:2"),
        ({"entities": {}}, "train.jsonl:2"),
        (
            {"id": "x", "text": "짧다", "spans": [{"start": 0, "end": 99, "label": "D"}]},
            "train.jsonl",
        ),
        ({"text": 7, "entities": {}}, "train.jsonl:2"),
    ],
)
def test_a_broken_line_is_named_with_file_and_line(here: Path, bad, place):
    name = lines(here / "train.jsonl", GOOD, bad)
    assert place in train(here, "--encoder", "koelectra", "--train", name)


def test_an_empty_file_is_refused(here: Path):
    (here / "train.jsonl").write_text("")
    assert "train.jsonl" in train(here, "--encoder", "koelectra", "--train", "train.jsonl")


def test_a_label_without_mentions_is_refused(here: Path):
    records = [
        {"text": f"{n}. 당뇨병", "entities": {"Disease": ["당뇨병"], "Drug": []}} for n in range(20)
    ]
    name = lines(here / "train.jsonl", *records)
    assert "'Drug' has no mention" in train(here, "--encoder", "koelectra", "--train", name)


def test_an_output_folder_that_is_taken_is_not_touched(here: Path):
    (here / "taken").mkdir()
    (here / "taken" / "precious.txt").write_text("keep")
    assert "nothing is overwritten" in train(here, "--encoder", "koelectra", "--out", "taken")
    assert (here / "taken" / "precious.txt").read_text() == "keep"


def test_a_file_that_is_missing_lists_the_shipped_sets(here: Path):
    said = train(here, "--encoder", "koelectra", "--train", "nowhere.jsonl")
    assert "nowhere.jsonl" in said and "ko-medical/train.jsonl" in said


@pytest.mark.parametrize(
    ("setting", "want"),
    [("epoch=3", "did you mean 'epochs'?"), ("epochs=0", "epochs"), ("batch_size=x", "batch_size")],
)
def test_a_wrong_setting_names_the_right_one(here: Path, setting: str, want: str):
    assert want in train(here, "--encoder", "koelectra", "--set", setting)


@pytest.mark.parametrize("command", ["eval", "predict"])
def test_a_folder_that_encswap_did_not_write_is_refused(here: Path, command: str):
    (here / "other").mkdir()
    more = ["--data", "ko-medical/test.jsonl"] if command == "eval" else ["--text", "당뇨병"]
    assert "encswap.json" in refused(here, command, "other", *more)


def test_swap_writes_a_checkpoint_that_loads(here: Path, base_folder: Path):
    result = CliRunner().invoke(
        app,
        [
            *("swap", "--encoder", "koelectra", "--scale", "mini", "--splitter", "char"),
            *("--base", str(base_folder), "--out", "swapped", "--format", "json"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["splitter"]["name"] == "char"
    import encswap

    model = encswap.load("swapped")
    assert [unit for unit, _, _ in model.processor.word_splitter("당뇨")] == ["당", "뇨"]


def test_a_swap_with_a_user_dictionary_loads_where_the_dictionary_is_gone(
    here: Path, base_folder: Path
):
    pytest.importorskip("kiwipiepy")
    import encswap

    (here / "words.txt").write_text("알파베타산\tNNG\n", encoding="utf-8")
    command = ["swap", "-e", "koelectra", "--scale", "mini", "--base", str(base_folder)]
    command += ["--splitter", "kiwi", "--user-dictionary", "words.txt", "--out", "swapped"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    (here / "words.txt").unlink()
    (here / "swapped").rename(here / "elsewhere")
    splitter = encswap.load(here / "elsewhere").processor.word_splitter
    assert [unit[0] for unit in splitter("알파베타산을")] == ["알파베타산", "을"]


def test_a_swap_is_aligned_on_texts_and_says_so(here: Path, base_folder: Path):
    command = ["swap", "-e", "koelectra", "--scale", "mini", "--base", str(base_folder)]
    command += ["--alignment", "ridge", "--out", "aligned"]
    assert "alignment needs texts; give --data FILE" in refused(here, *command)
    assert "nowhere.jsonl" in refused(here, *command, "--data", "nowhere.jsonl")
    assert not (here / "aligned").exists()
    result = CliRunner().invoke(app, [*command, "--data", "ko-medical/test.jsonl"])
    assert result.exit_code == 0, result.output
    assert "Then heads read the encoder through a map (ridge" in result.stdout
    (remark,) = read_manifest(here / "aligned").remarks
    assert "of the variance of other words" in remark


def test_help_loads_no_torch():
    import subprocess

    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom encswap.cli.app import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "heavy = {'torch', 'transformers', 'gliner2', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
