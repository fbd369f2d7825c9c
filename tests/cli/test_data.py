from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from encswap.cli.app import app
from encswap.cli.data import positions_of
from encswap.types import Source

RECORD = {
    "id": "a",
    "text": "당뇨병을 앓는 환자가 CA 19-9 수치로 내원했다.",
    "entities": {"Disease": ["당뇨병", "암"], "Biomarker": ["CA 19-9"]},
    "entity_descriptions": {"Disease": "질병"},
}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(RECORD) + "\n", encoding="utf-8")
    return path


def test_inspect_writes_the_agreed_json(file: Path) -> None:
    result = run("inspect", file, "-s", "whitespace,char", "--format", "json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["file"], found["examples"], found["mentions"]) == (str(file), 1, 3)
    assert (found["unlocated"], found["labels"]) == (1, {"Disease": 2, "Biomarker": 1})
    assert set(found["splitters"]) == {"whitespace", "char"}
    view = found["splitters"]["whitespace"]
    assert view["aligned"] == pytest.approx(1 / 3, abs=1e-6)
    assert set(view["within"]) == {"8", "12", "16", "20", "24"}
    assert set(view["units_per_example"]) == {"mean", "max"}
    assert view["suggested_max_width"] == 2


def test_inspect_shows_the_worst_splitter_first(file: Path) -> None:
    result = run("inspect", file, "-s", "char", "-s", "whitespace")
    assert result.exit_code == 0, result.output
    assert result.stdout.index("whitespace") < result.stdout.index(" char")
    assert "«당뇨병»을 앓는" in result.stdout
    assert "1 gold strings do not occur in their text" in result.stdout


def test_inspect_uses_all_installed_splitters_where_none_is_named(file: Path) -> None:
    pytest.importorskip("kiwipiepy")
    result = run("inspect", file, "--format", "markdown")
    assert result.exit_code == 0, result.output
    rows = re.findall(r"^\| (\w+) \| ([\d.]+%)", result.stdout, re.MULTILINE)
    assert dict(rows[:3]) == {"whitespace": "33.33%", "char": "66.67%", "kiwi": "66.67%"}


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_gold_cannot_move_the_cursor(tmp_path: Path, form: str) -> None:
    path = tmp_path / "f.jsonl"
    text = "a\x1b[2J\u202eb|\nc을"
    gold = {"text": text, "spans": [{"start": 0, "end": len(text) - 1, "label": "L"}]}
    path.write_text(json.dumps(gold) + "\n", encoding="utf-8")
    result = run("inspect", path, "-s", "whitespace", "--format", form)
    assert result.exit_code == 0, result.output
    assert not set(result.stdout) & {"\x1b", "\u202e"}
    assert "\\x1b[2J\\u202eb" in result.stdout


def test_inspect_finds_test_texts_in_train(file: Path) -> None:
    result = run("inspect", file, "-s", "char", "--against", file)
    assert "1 texts occur twice in the file it is held against" in result.stdout


def test_inspect_holds_lengths_against_an_encoder(file: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path / "encoder"
    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]")), unk_token="[UNK]"
    ).save_pretrained(folder)
    config = {**SMALL, "model_type": "bert", "max_position_embeddings": 12}
    (folder / "config.json").write_text(json.dumps(config))
    result = run("inspect", file, "-s", "char", "--encoder", folder, "--format", "json")
    assert result.exit_code == 0, result.output
    lengths = json.loads(result.stdout)["splitters"]["char"]["lengths"][str(folder)]
    assert (lengths["limit"], lengths["prompt"], lengths["over"]) == (12, 11, 1)


def test_inspect_builds_the_mini_encoder_that_it_measures_with(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCSWAP_CACHE", str(tmp_path / "cache"))
    result = run(
        *("inspect", file, "-s", "char", "--encoder", "klue-roberta", "--scale", "mini"),
        *("--format", "json"),
    )
    assert result.exit_code == 0, result.output
    lengths = json.loads(result.stdout)["splitters"]["char"]["lengths"]["klue-roberta"]
    assert lengths["limit"] > 0
    assert "build the mini klue-roberta" in result.stderr


SMALL = {
    "vocab_size": 8,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "num_hidden_layers": 9,
}


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        ({"model_type": "bert", "max_position_embeddings": 64, "pad_token_id": 0}, 64),
        ({"model_type": "roberta", "max_position_embeddings": 66, "pad_token_id": 1}, 64),
        (
            {
                "model_type": "deberta-v2",
                "max_position_embeddings": 64,
                "relative_attention": True,
                "position_biased_input": False,
            },
            None,
        ),
    ],
)
def test_the_number_of_positions_is_that_of_the_class(
    config: dict[str, Any], limit: int | None, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**SMALL, **config}))
    assert positions_of(Source("x", tmp_path, "folder", str(tmp_path))) == limit


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-s", "kiwy"], "unknown splitter 'kiwy'"),
        (["--from", "span"], "unknown format 'span'"),
        (["-s", "char", "--encoder", "no-such-encoder"], "unknown encoder"),
        (["-s", "char", "--user-dictionary", "words.txt"], "takes a dictionary"),
        (["-s", "char", "--against", "none.jsonl"], "none.jsonl: no such file"),
    ],
)
def test_a_wrong_option_ends_in_one_line(file: Path, arguments: list[str], message: str) -> None:
    result = run("inspect", file, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("encswap: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ('{"text": "a", "entities": {}}\n', "holds no mention"),
        ("{", ":1"),
    ],
)
def test_a_file_that_cannot_be_inspected_ends_in_one_line(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text(content)
    result = run("inspect", path, "-s", "char")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_convert_writes_another_format_and_tells_what_it_does_not_hold(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    located = {**RECORD, "entities": {"Disease": ["당뇨병"], "Drug": []}}
    source.write_text(json.dumps(located) + "\n", encoding="utf-8")
    target = tmp_path / "out.tsv"
    result = run("convert", source, target, "--to", "klue")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "1 descriptions of labels; 1 labels without gold" in result.stderr
    assert "--drop" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not target.exists()
    result = run("convert", source, target, "--to", "klue", "--drop")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "wrote 1 documents" in result.stderr
    assert "klue does not hold descriptions of labels: 1 dropped" in result.stderr
    assert "klue does not hold labels without gold: 1 dropped" in result.stderr
    assert "당\tB-Disease\n뇨\tI-Disease\n" in target.read_text(encoding="utf-8")


def test_convert_refuses_what_cannot_be_written_with_its_line(file: Path, tmp_path: Path) -> None:
    result = run("convert", file, tmp_path / "out.tsv", "--to", "klue")
    assert result.exit_code == 2
    assert f"{file}:1: example 'a' cannot be written as klue" in result.stderr
    assert not (tmp_path / "out.tsv").exists()


def test_convert_overwrites_nothing(file: Path) -> None:
    before = file.read_bytes()
    result = run("convert", file, file, "--to", "spans")
    assert result.exit_code == 2
    assert "the file exists" in result.stderr
    assert file.read_bytes() == before


@pytest.mark.parametrize("command", ["inspect", "convert"])
def test_help_shows_how_it_is_used(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"encswap data {command} " in result.output


TWO_COLUMNS = "id\tword\tner\tfine\n1\t고혈압\tB-DIS\tB-CARDIO\n2\t환자\tO\tO\n"


def test_inspect_tells_which_tag_column_is_read_and_takes_another(tmp_path: Path) -> None:
    path = tmp_path / "f.tsv"
    path.write_text(TWO_COLUMNS, encoding="utf-8")
    result = run("inspect", path, "-s", "char", "--format", "json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["format"], found["labels"]) == ("conll", {"DIS": 1})
    assert {one["kind"]: one["count"] for one in found["notes"]} == {
        "header": 1,
        "other-tag-column": 1,
    }
    assert "--tag-column 4 reads the others" in result.stderr
    other = run(
        "inspect", path, "-s", "char", "--format", "json", "--from", "conll", "--tag-column", "fine"
    )
    assert json.loads(other.stdout)["labels"] == {"CARDIO": 1}


def test_tags_without_types_take_a_label_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "f.tsv"
    path.write_text("고혈압\tB\n환자\tO\n", encoding="utf-8")
    refused = run("inspect", path, "-s", "char")
    assert refused.exit_code == 2
    assert "--tag-label NAME" in refused.stderr
    out = tmp_path / "out.jsonl"
    assert run("convert", path, out, "--to", "spans", "--tag-label", "Disease").exit_code == 0
    assert '"label": "Disease"' in out.read_text(encoding="utf-8")


def test_a_format_that_stays_open_is_refused_with_both_names(tmp_path: Path) -> None:
    path = tmp_path / "f.tsv"
    path.write_text("암\tB-DIS\n", encoding="utf-8")
    refused = run("inspect", path, "-s", "char")
    assert refused.exit_code == 2
    assert "--from klue or --from conll" in refused.stderr
    assert run("inspect", path, "-s", "char", "--from", "klue").exit_code == 0


def test_inspect_s_table_of_coverage_fits_80_columns(file: Path) -> None:
    result = run("inspect", file, "-s", "char", "-s", "whitespace")
    head = next(line for line in result.stdout.splitlines() if "aligned" in line)
    assert len(head.rstrip()) <= 80


def test_inspect_says_what_is_odd_in_the_gold(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    records = [
        {"id": "n", "text": "암 환자의 암로디핀", "entities": {"D": ["암", "암로디핀"]}},
        {"id": "n", "text": "간 환자", "entities": {"D": ["간"], "E": []}},
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    result = run("inspect", path, "-s", "char")
    assert result.exit_code == 0, result.output
    assert "1 ids repeat, 2 documents in all ('n' 2 times)" in result.stdout
    assert "1 occurrences of gold strings mark nothing" in result.stdout
    assert "1 documents name the labels they were annotated for" in result.stdout
    assert "1 documents do not name 'E'" in result.stdout
    every = run("inspect", path, "-s", "char", "--occurrences", "all", "--format", "json")
    assert json.loads(every.stdout)["mentions"] == 4
    wrong = run("inspect", path, "-s", "char", "--occurrences", "some")
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)
