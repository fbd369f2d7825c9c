from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from encswap.data.formats.table import ReadOptions
from encswap.data.gold import CLEANED, PASSED, TRIMMED
from encswap.data.locate import Repair
from encswap.data.notes import Notes
from encswap.data.readers import FORMATS, format_of, iter_examples, read_examples
from encswap.errors import EncswapError, InputError
from encswap.types import Example, Mention, Unlocated


def write(path: Path, *records: Any) -> Path:
    lines = (one if isinstance(one, str) else json.dumps(one) for one in records)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_the_plan_format_marks_every_occurrence_and_keeps_what_is_not_there(tmp_path: Path) -> None:
    record = {
        "id": "a1",
        "text": "당뇨병은 당뇨병이다.",
        "entities": {"Disease": ["당뇨병", "암"], "Drug": []},
        "entity_descriptions": {"Disease": "질병"},
    }
    (found,) = read_examples(write(tmp_path / "f.jsonl", record))
    assert found == Example(
        id="a1",
        text="당뇨병은 당뇨병이다.",
        mentions=(Mention(0, 3, "Disease", "당뇨병"), Mention(5, 8, "Disease", "당뇨병")),
        unlocated=(Unlocated("Disease", "암"),),
        labels=("Disease", "Drug"),
        descriptions={"Disease": "질병"},
        line=1,
        annotated=("Disease", "Drug"),
    )


@pytest.mark.parametrize(
    "record",
    [
        {"input": "ab c", "output": {"entities": {"L": ["c"]}}},
        {"text": "ab c", "schema": {"entities": {"L": ["c"]}}},
        {"input": "ab c", "output": {"entities": {"L": "c"}}},
        {"input": "ab c", "output": {"entities": {"L": [{"text": "c", "start": 3, "end": 4}]}}},
        {"text": "ab c", "spans": [{"start": 3, "end": 4, "label": "L"}]},
        {"text": "ab c", "mentions": [{"start": 3, "end": 4, "label": "L", "text": "c"}]},
        {"text": "ab c", "entities": [{"start": 3, "end": 4, "label": "L"}]},
    ],
)
def test_every_kind_of_record_is_recognised(tmp_path: Path, record: dict[str, Any]) -> None:
    (found,) = read_examples(write(tmp_path / "f.jsonl", record))
    assert found.mentions == (Mention(3, 4, "L", "c"),)
    assert found.id == "f:1"


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("## id-1\t암은\n암\tB-D\n은\tO\n", "klue"),
        ("암\tB-D\n은\tO\n\n", "klue"),
        ("EU B-ORG\nrejects O\n\n", "conll"),
        ("-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\n", "conll"),
        ("암\tB-D\tSpaceAfter=No\n은\tO\t_\n", "conll"),
        ("문장\t개체명\n위 암 이다\tO Disease-B O\n", "kbmc"),
        ("위 암 이다\tO Disease-B O\n", "kbmc"),
    ],
)
def test_files_of_rows_are_recognised(tmp_path: Path, lines: str, name: str) -> None:
    path = tmp_path / "f"
    path.write_text(lines, encoding="utf-8")
    assert format_of(path).name == name
    (found,) = read_examples(path)
    assert len(found.mentions) == 1


def test_spaced_words_of_conll_are_joined_by_one_space(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("-DOCSTART- O\n\nHeart B-D\nfailure I-D\n. O\n\nA O\n", encoding="utf-8")
    first, second = read_examples(path)
    assert first.text == "Heart failure ."
    assert first.mentions == (Mention(0, 13, "D", "Heart failure"),)
    assert second.text == "A"


def test_an_inside_tag_that_continues_nothing_begins_a_mention(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("a I-X\nb I-Y\nc I-Y\nd B-Y\ne E-Y\nf S-Y\n", encoding="utf-8")
    (found,) = read_examples(path)
    assert [one.text for one in found.mentions] == ["a", "b c", "d e", "f"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "a",', "not JSON"),
        ("[1]", "should be an object, not a list"),
        ("[" * 100_000, "not JSON"),
        ({"text": "a"}, "lacks 'entities'"),
        ({"entities": {}}, "lacks 'text'"),
        ({"text": 1, "entities": {}}, "'text' should be a string, not a whole number"),
        ({"text": "a", "entities": {"L": [1]}}, "should be a string, not a whole number"),
        ({"text": "a", "entities": {"L": [" "]}}, "only white space"),
        ({"text": "a", "entities": {"L": [""]}}, "is empty"),
        ({"text": "a", "entities": {" ": ["a"]}}, "a label is empty"),
        ({"text": "\ud800", "entities": {}}, "lone surrogate at character 0"),
        ({"text": "a", "entities": {"L": ["\udfff"]}}, "lone surrogate"),
        ({"text": "a", "entities": {}, "id": 1.5}, "'id' should be a string"),
        ({"text": "a", "entities": {}, "entity_descriptions": {"L": 1}}, "description of 'L'"),
    ],
)
def test_a_bad_record_is_refused_with_file_and_line(
    tmp_path: Path, line: Any, message: str
) -> None:
    path = write(tmp_path / "f.jsonl", {"text": "a", "entities": {"L": ["a"]}}, line)
    with pytest.raises(InputError, match=message) as caught:
        read_examples(path)
    assert caught.value.where == f"{path}:2"


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ({"start": 0, "end": 9, "label": "L"}, "not inside the text"),
        ({"start": -1, "end": 1, "label": "L"}, "not inside the text"),
        ({"start": 2, "end": 2, "label": "L"}, "not inside the text"),
        ({"start": 1, "end": 2, "label": "L"}, "only white space"),
        ({"start": 0, "end": 1, "label": "L", "text": "z"}, "covers 'a', not 'z'"),
        ({"start": True, "end": 1, "label": "L"}, "'start' should be a whole number"),
        ({"start": 0, "end": 1}, "lacks 'label'"),
        ({"start": 0, "end": 1, "label": ""}, "label is empty"),
        (7, "should be an object"),
    ],
)
def test_a_bad_span_is_refused_with_file_and_line(tmp_path: Path, span: Any, message: str) -> None:
    path = write(tmp_path / "f.jsonl", {"text": "a b", "spans": [span]})
    with pytest.raises(InputError, match=message) as caught:
        read_examples(path)
    assert caught.value.where == f"{path}:1"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "only blank lines"),
        ("한글\tO\n".encode("euc-kr"), "not UTF-8"),
        (b"a\tX\n", "the format is not recognised"),
        (b'{"a": 1}\n', "the record holds 'a'"),
        (b"## only a remark\n\n", "holds no rows"),
        ("문장\t개체명\n위 암\tO\n".encode(), "not recognised"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_examples(path)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("klue", "암\tB-D\n은은\tO\n", 2),
        ("klue", "암\tD\n", 1),
        ("conll", "a O\nb\n", 2),
        ("kbmc", "가 나\tO O\n가 나\tO\n", 2),
        ("kbmc", "가\tO\n가\tX\n", 2),
    ],
)
def test_a_bad_row_is_refused_with_file_and_line(
    tmp_path: Path, name: str, content: str, line: int
) -> None:
    path = tmp_path / "f"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_examples(path, name)
    assert caught.value.where == f"{path}:{line}"


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_examples(tmp_path / "none")
    with pytest.raises(InputError, match="this is a folder"):
        read_examples(tmp_path)


def test_an_unknown_format_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(EncswapError, match="did you mean 'spans'"):
        read_examples(write(tmp_path / "f", {}), "span")


def test_ids_may_repeat(tmp_path: Path) -> None:
    record = {"id": "x", "text": "a", "entities": {"L": ["a"]}}
    path = write(tmp_path / "f.jsonl", record, record)
    assert [(one.id, one.line) for one in read_examples(path)] == [("x", 1), ("x", 2)]


def test_a_byte_order_mark_and_crlf_are_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_bytes('\ufeff{"text": "a\\tb", "entities": {"L": ["b"]}}\r\n\r\n'.encode())
    (found,) = read_examples(path)
    assert found.text == "a\tb"
    rows = tmp_path / "f.tsv"
    rows.write_bytes("\ufeff암\tB-D\r\n은\tO\r\n\r\n".encode())
    assert [one.text for one in read_examples(rows)] == ["암은"]


def test_a_line_separator_inside_a_string_does_not_end_the_line(tmp_path: Path) -> None:
    line = json.dumps({"text": "a\u2028b\x85c", "entities": {"L": ["c"]}}, ensure_ascii=False)
    (found,) = read_examples(write(tmp_path / "f.jsonl", line))
    assert found.mentions == (Mention(4, 5, "L", "c"),)


@pytest.mark.parametrize("text", ["\u200bab", "שלום ab", "👩‍⚕️ ab", "\u202eab\u202c", "a\ufeffb ab"])
def test_odd_characters_do_not_move_offsets(tmp_path: Path, text: str) -> None:
    (found,) = read_examples(write(tmp_path / "f.jsonl", {"text": text, "entities": {"L": ["ab"]}}))
    assert [text[one.start : one.end] for one in found.mentions] == ["ab"]


def test_offsets_count_characters_of_a_decomposed_text(tmp_path: Path) -> None:
    text = unicodedata.normalize("NFD", "이 당뇨병은")
    (found,) = read_examples(
        write(tmp_path / "f.jsonl", {"text": text, "entities": {"L": ["당뇨병"]}})
    )
    (mention,) = found.mentions
    assert unicodedata.normalize("NFC", text[mention.start : mention.end]) == "당뇨병"
    assert mention.text == text[mention.start : mention.end]


def test_a_megabyte_in_one_line_is_read(tmp_path: Path) -> None:
    text = "가" * 340_000 + " 암"
    (found,) = read_examples(write(tmp_path / "f.jsonl", {"text": text, "entities": {"L": ["암"]}}))
    assert found.mentions == (Mention(340_001, 340_002, "L", "암"),)


def test_repaired_strings_are_told_with_their_place(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", {"text": "메트\n포르민", "entities": {"L": ["메트포르민"]}})
    told: list[tuple[str, Repair]] = []
    (found,) = iter_examples(path, on_repair=lambda where, repair: told.append((where, repair)))
    assert told == [(f"{path}:1", Repair("L", "메트포르민", "메트\n포르민"))]
    assert found.mentions == (Mention(0, 6, "L", "메트\n포르민"),)


def test_examples_stream(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", {"text": "a", "entities": {"L": ["a"]}}, "broken")
    examples = iter_examples(path)
    assert next(examples).text == "a"
    with pytest.raises(InputError):
        next(examples)


def test_formats_are_listed_by_their_names() -> None:
    assert set(FORMATS) >= {"plan", "gliner2", "spans", "klue", "conll", "kbmc"}
    assert all(name == one.name and one.description for name, one in FORMATS.items())


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({"text": "암", "entities": {"A": ["암"]}}, None),
        ({"text": "암", "entities": {}}, None),
        ({"text": "암", "entities": {"A": ["암"], "B": []}}, ("A", "B")),
        ({"text": "암", "entities": {"A": []}}, ("A",)),
        ({"text": "암", "entities": {"A": ["암"]}, "labels": ["A", "B"]}, ("A", "B")),
        ({"text": "암", "entities": {"A": ["암"]}, "labels": ["A"]}, ("A",)),
        ({"text": "암", "entities": {"A": ["암"]}, "labels": ["B"]}, ("B", "A")),
        ({"text": "암", "entities": {"A": ["간"]}, "labels": []}, None),
        ({"input": "암", "output": {"entities": {"A": ["암"], "B": []}}}, ("A", "B")),
        ({"text": "암", "spans": [{"start": 0, "end": 1, "label": "A"}]}, None),
        ({"text": "간과 암", "spans": [], "labels": ["A "]}, ("A",)),
    ],
)
def test_a_record_names_its_label_set_by_labels_or_by_empty_lists(
    tmp_path: Path, record: dict[str, Any], named: tuple[str, ...] | None
) -> None:
    (found,) = read_examples(write(tmp_path / "f.jsonl", record))
    assert found.annotated == named


@pytest.mark.parametrize(
    "record",
    [
        {"text": "a 암 b", "entities": {"L": [" 암\n"]}},
        {"text": "a 암 b", "entities": {"L ": ["암"]}},
        {"text": "a 암 b", "entities": {"L": [{"start": 1, "end": 4}]}},
        {"text": "a 암 b", "spans": [{"start": 1, "end": 4, "label": "L"}]},
        {"text": "a 암 b", "spans": [{"start": 2, "end": 3, "label": "\u00a0L"}]},
    ],
)
def test_white_space_around_gold_and_labels_is_taken_off_and_counted(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    notes = Notes()
    (found,) = read_examples(write(tmp_path / "f.jsonl", record), notes=notes)
    assert found.mentions == (Mention(2, 3, "L", "암"),)
    assert sum(note.count for note in notes if note.kind in (TRIMMED, CLEANED)) == 1


def test_what_gold_strings_pass_over_is_counted_by_what_it_lies_inside_of(tmp_path: Path) -> None:
    text = "간암 환자가 암 치료를 받으며 암시를 느꼈다."
    path = write(tmp_path / "f.jsonl", {"text": text, "entities": {"D": ["간암", "암"]}})
    notes = Notes()
    (found,) = read_examples(path, notes=notes)
    assert [one.start for one in found.mentions] == [0, 7]
    assert notes.count(PASSED) == 2
    assert [one.inside for _, one in notes.passed] == ["간암", "암시를"]
    every = read_examples(path, options=ReadOptions(occurrences="all"))
    assert len(every[0].mentions) == 4
