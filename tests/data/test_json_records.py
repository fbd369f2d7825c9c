"""How records are found in JSON files, and what none, a repeated key and odd values mean."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from encswap.data.notes import Notes
from encswap.data.readers import format_of, read_examples
from encswap.errors import InputError
from encswap.types import Example, Mention

ONE = {"text": "당뇨병 환자", "entities": {"Disease": ["당뇨병"]}}
TWO = {"text": "고혈압 환자", "entities": {"Disease": ["고혈압"]}}
LINES = json.dumps(ONE) + "\n" + json.dumps(TWO) + "\n"


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (LINES, [1, 2]),
        (json.dumps([ONE, TWO]), [1, 1]),
        (json.dumps([ONE, TWO], indent=2, ensure_ascii=False), [2, 10]),
        ("[\n" + json.dumps(ONE) + ",\n" + json.dumps(TWO) + "\n]\n", [2, 3]),
        ("\n\n" + json.dumps([ONE, TWO], indent=1), [4, 12]),
        (json.dumps(ONE, indent=2) + "\n" + json.dumps(TWO, indent=2), [1, 9]),
        (json.dumps({"version": 1, "data": [ONE, TWO]}, indent=2), [4, 12]),
        (json.dumps({"examples": [ONE, TWO]}), [1, 1]),
        (json.dumps({"rows": [{"row_idx": 0, "row": ONE}, {"row_idx": 1, "row": TWO}]}), [1, 1]),
        ("\ufeff" + json.dumps([ONE, TWO]), [1, 1]),
        (json.dumps([ONE, None, TWO]), [1, 1]),
    ],
)
def test_records_stand_in_lines_lists_and_objects(
    tmp_path: Path, content: str, lines: list[int]
) -> None:
    found = read_examples(write(tmp_path / "f.json", content))
    assert [one.mentions[0].text for one in found] == ["당뇨병", "고혈압"]
    assert [one.line for one in found] == lines


def test_a_file_may_hold_one_object(tmp_path: Path) -> None:
    for indent in (None, 2):
        (found,) = read_examples(write(tmp_path / "f.json", json.dumps(ONE, indent=indent)))
        assert found.mentions == (Mention(0, 3, "Disease", "당뇨병"),)


def test_gzip_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "f.json.gz"
    path.write_bytes(gzip.compress(json.dumps([ONE, TWO], indent=1).encode()))
    assert [one.id for one in read_examples(path)] == ["f:2", "f:10"]


def test_a_list_longer_than_the_head_is_recognised(tmp_path: Path) -> None:
    path = write(tmp_path / "f.json", json.dumps([ONE] * 3000))
    assert len(read_examples(path)) == 3000


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        ("[\n" + json.dumps(ONE) + ",\n]", "a comma stands before", 3),
        ("[\n" + json.dumps(ONE) + "\n" + json.dumps(TWO) + "]", "a comma or ] is missing", 3),
        ("[\n" + json.dumps(ONE) + ",\n" + '{"text": }]', "Expecting value", 3),
        (json.dumps([ONE], indent=1) + "\n{}", "something follows the list", 11),
        ("[\n" + json.dumps(ONE) + ",\n7]", "should be an object, not a whole number", 3),
        (json.dumps(ONE) + "\n[\n", "not JSON", 2),
        ('{"text": "a",\n' + json.dumps(ONE) + "\n", "not JSON", 1),
        (json.dumps(ONE)[:-1] + "\n", "not JSON", 1),
        (json.dumps([ONE, {"text": 1, "entities": {}}], indent=1), "'text' should be a string", 10),
        ("[" * 100_000, "not JSON", 1),
        (json.dumps(ONE) + "\n" + '{"text": "a", "n": ' + "9" * 5000 + "}\n", "not JSON", 2),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(
    tmp_path: Path, content: str, message: str, line: int
) -> None:
    path = write(tmp_path / "f.json", content)
    with pytest.raises(InputError, match=message) as caught:
        read_examples(path)
    assert caught.value.where == f"{path}:{line}"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        '{"text": "당뇨병과 고혈압", "entities": {"Disease": ["당뇨병"], "Disease": ["고혈압"]}}',
        '{"text": "a", "Disease": 1, "entities": {}, "Disease": 2}',
        '{"text": "a", "spans": [{"start": 0, "end": 1, "label": "", "Disease": 1, "Disease": 1}]}',
        '{"input": "a", "output": {"entities": {}, "x": [[{"Disease": 1, "Disease": 1}]]}}',
    ],
)
@pytest.mark.parametrize("place", ["first", "second", "list"])
def test_a_key_that_stands_twice_is_refused_wherever_it_stands(
    tmp_path: Path, line: str, place: str
) -> None:
    content = {"first": line, "second": json.dumps(ONE) + f"\n{line}", "list": f"[\n{line}]"}
    path = write(tmp_path / "f.jsonl", content[place] + "\n")
    with pytest.raises(InputError, match="the key 'Disease' stands twice") as caught:
        read_examples(path)
    assert caught.value.where == f"{path}:{1 if place == 'first' else 2}"


NONE = [
    {"text": "a", "entities": None},
    {"text": "a", "entities": []},
    {"text": "a", "entities": {}},
    {"text": "a", "entities": {}, "entity_descriptions": None, "id": None, "labels": None},
]


@pytest.mark.parametrize("none", NONE)
@pytest.mark.parametrize(
    "some",
    [
        {"text": "ab c", "entities": {"L": ["ab"], "M": None, "N": [None]}},
        {"text": "ab c", "entities": [{"start": 0, "end": 2, "label": "L"}, None]},
        {"text": "ab c", "entities": [[0, 2, "L"], None, []]},
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_null_and_empty_mean_none_in_the_first_and_in_later_records(
    tmp_path: Path, none: dict[str, Any], some: dict[str, Any], first: bool
) -> None:
    records = [none, none, some] if first else [some, none, none]
    path = write(tmp_path / "f.jsonl", "".join(json.dumps(one) + "\n" for one in records))
    found = read_examples(path)
    assert [len(one.mentions) for one in found] == ([0, 0, 1] if first else [1, 0, 0])


@pytest.mark.parametrize(
    "record",
    [
        {"input": "a", "output": None},
        {"input": "a", "output": []},
        {"input": "a", "output": {"entities": None}},
        {"text": "a", "schema": None},
        {"text": "a", "spans": None},
        {"text": "a", "spans": []},
        {"text": "a", "spans": [None]},
        {"text": "a", "label": None},
        {"text": "a", "label": []},
        {"text": "a", "labels": [[]]},
        {"tokenized_text": ["a"], "ner": None},
        {"tokenized_text": ["a"], "ner": [[]], "ner_labels": None, "negative": None},
        {"tokens": ["a"], "ner_tags": None},
        {"data": {"text": "a"}, "annotations": None},
        {"data": {"text": "a"}, "annotations": []},
        {"data": {"text": "a"}, "annotations": [{"result": None}]},
        {"data": {"text": "a"}, "annotations": [{"result": []}], "predictions": None},
        {"text": "a", "label": None, "annotator": 1},
        {"text": "a", "spans": None, "answer": "accept", "tokens": None},
        ["a", {"entities": None}],
        ["a", None],
    ],
)
def test_every_format_reads_null_as_none(tmp_path: Path, record: Any) -> None:
    for content in (json.dumps(record), json.dumps([record], indent=1)):
        (found,) = read_examples(write(tmp_path / "f.json", content))
        assert (found.text, found.mentions) == ("a", ())


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": None, "entities": {"L": ["a"]}}, "'text' should be a string, not null"),
        ({"input": None, "output": {"entities": {}}}, "'input' should be a string, not null"),
        ({"text": "a", "spans": [{"start": None, "end": 1, "label": "L"}]}, "'start' should be"),
        ({"text": "a", "spans": [{"start": 0, "end": 1, "label": None}]}, "a label should be"),
        ({"text": "a", "entities": "none"}, "the record holds 'text', 'entities'"),
        ({"text": "a", "spans": [{"start": 0.5, "end": 1, "label": "L"}]}, "not a number"),
        ({"text": "a", "spans": [{"start": 0, "end": 10**30, "label": "L"}]}, "a huge number"),
        ({"text": "a", "spans": [{"start": 0, "end": True, "label": "L"}]}, "not true or false"),
        ({"text": "a", "spans": [{"start": 0, "end": 1, "label": True}]}, "a label should be"),
        ({"text": "a", "spans": [{"start": "0", "end": "1", "label": "L"}]}, "not a string"),
        ({"text": "a", "entities": {"L": float("nan")}}, "should be a string, not NaN"),
        ({"text": "a", "entities": {"L": float("inf")}}, "should be a string, not Infinity"),
        ({"text": "a", "entities": {"\ud800": ["a"]}}, "lone surrogate"),
        ({"text": "a", "entities": {}, "id": ["x"]}, "'id' should be a string"),
        ({"text": "a", "entities": {}, "id": float("nan")}, "'id' should be a string, not NaN"),
        ({"text": "a", "entities": [[0, 1]]}, "a span has 2 values"),
        ({"text": "a", "entities": [[0, 1, None]]}, "a label should be a string, not null"),
        ({"text": "a", "entities": [[0, 5, "L"]]}, "not inside the text of 1 characters"),
    ],
)
def test_an_odd_value_is_refused_in_one_line_at_its_place(
    tmp_path: Path, record: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "f.jsonl", json.dumps(record) + "\n")
    with pytest.raises(InputError, match=message) as caught:
        read_examples(path)
    assert caught.value.where == f"{path}:1"
    assert len(str(caught.value).splitlines()) == 1


def test_whole_numbers_written_as_fractions_and_labels_that_are_numbers_are_read(
    tmp_path: Path,
) -> None:
    record = {"id": 7, "text": "ab", "spans": [{"start": 0.0, "end": 2.0, "label": 3}]}
    (found,) = read_examples(write(tmp_path / "f.jsonl", json.dumps(record)))
    assert (found.id, found.mentions) == ("7", (Mention(0, 2, "3", "ab"),))


TEXT = "👍 당뇨병 환자 🙂 고혈압"


def spans_of(unit: str) -> list[dict[str, Any]]:
    def place(start: int, end: int) -> tuple[int, int]:
        if unit == "UTF-16 units":
            return len(TEXT[:start].encode("utf-16-le")) // 2, len(
                TEXT[:end].encode("utf-16-le")
            ) // 2
        if unit == "UTF-8 bytes":
            return len(TEXT[:start].encode()), len(TEXT[:end].encode())
        return {
            "characters": (start, end),
            "characters with the end included": (start, end - 1),
            "characters from 1": (start + 1, end + 1),
            "characters from 1 with the end included": (start + 1, end),
            "words": (len(TEXT[:start].split()), len(TEXT[:end].split())),
            "words with the end included": (len(TEXT[:start].split()), len(TEXT[:end].split()) - 1),
        }[unit]

    found = []
    for word in ("당뇨병", "고혈압"):
        start, end = place(TEXT.index(word), TEXT.index(word) + len(word))
        found.append({"start": start, "end": end, "label": "L", "text": word})
    return found


@pytest.mark.parametrize(
    "unit",
    [
        "characters",
        "UTF-16 units",
        "UTF-8 bytes",
        "characters with the end included",
        "characters from 1",
        "characters from 1 with the end included",
        "words",
        "words with the end included",
    ],
)
def test_offsets_in_another_unit_are_known_by_the_text_that_they_cover(
    tmp_path: Path, unit: str
) -> None:
    path = write(tmp_path / "f.jsonl", json.dumps({"text": TEXT, "spans": spans_of(unit)}))
    notes = Notes()
    (found,) = read_examples(path, notes=notes)
    assert [(one.text, one.start) for one in found.mentions] == [("당뇨병", 2), ("고혈압", 11)]
    told = [note.what for note in notes if note.kind == "offsets-counted-otherwise"]
    assert told == (
        []
        if unit == "characters"
        else [f"records count the offsets of their spans in {unit}: read so"]
    )


def test_offsets_of_two_units_in_one_record_are_refused(tmp_path: Path) -> None:
    spans = [spans_of("characters")[0], spans_of("UTF-8 bytes")[1]]
    path = write(tmp_path / "f.jsonl", json.dumps({"text": TEXT, "spans": spans}))
    with pytest.raises(InputError, match="may count bytes"):
        read_examples(path)


MULTITASK = {
    "input": "당뇨병 환자에게 인슐린을 투여하였다.",
    "output": {
        "entities": {"Disease": ["당뇨병"]},
        "classifications": [{"task": "severity", "labels": ["mild"], "true_label": ["mild"]}],
        "relations": [{"treats": {"head": "인슐린", "tail": "당뇨병"}}],
        "json_structures": [{"rx": {"drug": "인슐린"}}],
    },
}
SEVERITY = {"task": "severity", "labels": ["mild", "severe"], "true_label": ["mild"]}
ONLY_OTHER = {"input": "환자가 좋아졌다.", "output": {"classifications": [SEVERITY]}}


def test_gold_of_other_tasks_goes_with_the_example(tmp_path: Path) -> None:
    lines = json.dumps(MULTITASK) + "\n" + json.dumps(MULTITASK) + "\n"
    notes = Notes()
    found = read_examples(write(tmp_path / "f.jsonl", lines), notes=notes)
    assert [list(one.tasks) for one in found] == 2 * [
        ["classifications", "relations", "json_structures"]
    ]
    assert [(note.count, note.what) for note in notes] == [
        (2, "arguments of treats.head are no entity of their record"),
    ]


def test_a_record_of_other_tasks_alone_says_nothing_of_entities(tmp_path: Path) -> None:
    for one in (ONLY_OTHER, {"text": "a", "relations": []}):
        other = {**MULTITASK} if "input" in one else ONE
        path = write(tmp_path / "f.jsonl", json.dumps(one) + "\n" + json.dumps(other) + "\n")
        first, second = read_examples(path)
        assert (first.annotated, second.annotated) == ((), None)
        assert first.tasks and not first.is_annotated("Disease")


def test_keys_that_are_not_read_are_counted_by_name(tmp_path: Path) -> None:
    record = {**ONE, "negated": ["당뇨병"], "source": "x", "events": [1], "empty": None}
    notes = Notes()
    read_examples(write(tmp_path / "f.jsonl", (json.dumps(record) + "\n") * 3), notes=notes)
    assert {(note.kind, note.count) for note in notes} == {
        ("unread-keys", 3),
        ("about", 3),
        ("other-tasks", 3),
    }
    assert any("'negated'" in note.what for note in notes)


def test_a_record_of_another_format_is_refused_with_its_line(tmp_path: Path) -> None:
    other = {"tokenized_text": ["a"], "ner": [[0, 0, "L"]]}
    path = write(tmp_path / "f.jsonl", json.dumps(ONE) + "\n" + json.dumps(other) + "\n")
    with pytest.raises(InputError, match="of the format 'gliner1'") as caught:
        read_examples(path)
    assert caught.value.where == f"{path}:2"


def test_rows_that_begin_with_a_bracket_are_no_json(tmp_path: Path) -> None:
    path = write(tmp_path / "f.conll", "[\tO\nHeart\tB-D\nfailure\tI-D\n]\tO\n\nThe\tO\nend\tO\n\n")
    assert format_of(path).name == "conll"


def test_a_line_that_is_a_pair_of_text_and_annotations_is_a_record(tmp_path: Path) -> None:
    pair = ["당뇨병 환자", {"entities": [[0, 3, "Disease"]]}]
    expected = (Mention(0, 3, "Disease", "당뇨병"),)
    annotator = {"classes": ["Disease"], "annotations": [pair, None]}
    for content in (
        json.dumps(pair),
        json.dumps(pair, indent=1),
        json.dumps([pair]),
        json.dumps([pair, pair], indent=1),
        json.dumps(pair) + "\n" + json.dumps(pair),
        json.dumps(annotator),
    ):
        found = read_examples(write(tmp_path / "f.json", content))
        assert isinstance(found[0], Example)
        assert {one.mentions for one in found} == {expected}
