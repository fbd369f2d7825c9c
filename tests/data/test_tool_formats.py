"""Files of annotation tools and of Hugging Face: each read as it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encswap.data.convert import convert, write_examples
from encswap.data.formats.table import ReadOptions
from encswap.data.notes import Notes
from encswap.data.readers import FORMATS, format_of, read_examples
from encswap.errors import InputError
from encswap.types import Example, Mention, Unlocated

DIABETES = Mention(0, 3, "Disease", "당뇨병")


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


def read(path: Path, **options: Any) -> tuple[list[Example], Notes]:
    notes = Notes()
    return read_examples(path, options=ReadOptions(**options), notes=notes), notes


def kinds(notes: Notes) -> dict[str, int]:
    return {note.kind: notes.count(note.kind) for note in notes}


LS = {
    "id": 1,
    "data": {"text": "당뇨병 환자"},
    "annotations": [
        {
            "result": [
                {
                    "type": "labels",
                    "from_name": "label",
                    "to_name": "text",
                    "value": {"start": 0, "end": 3, "text": "당뇨병", "labels": ["Disease"]},
                }
            ]
        }
    ],
}
LS_MIN = {
    "text": "당뇨병 환자",
    "id": 1,
    "label": [{"start": 0, "end": 3, "text": "당뇨병", "labels": ["Disease"]}],
    "annotator": 1,
}


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"id": 1, "text": "당뇨병 환자", "label": [[0, 3, "Disease"]]}, "doccano"),
        ({"id": 1, "text": "당뇨병 환자", "labels": [[0, 3, "Disease"]]}, "doccano"),
        ({"id": 1, "data": "당뇨병 환자", "label": [[0, 3, "Disease"]], "Comments": []}, "doccano"),
        (
            {
                "id": 1,
                "text": "당뇨병 환자",
                "entities": [{"id": 5, "label": "Disease", "start_offset": 0, "end_offset": 3}],
                "relations": [],
            },
            "doccano",
        ),
        ({"text": "당뇨병 환자", "entities": [[0, 3, "Disease"]]}, "spacy"),
        (["당뇨병 환자", {"entities": [[0, 3, "Disease"]]}], "spacy"),
        (LS, "label-studio"),
        ({**LS, "completions": LS["annotations"], "annotations": None}, "label-studio"),
        (LS_MIN, "label-studio-min"),
        ({**LS_MIN, "label": LS_MIN["label"][0]}, "label-studio-min"),
        ({"tokens": ["당뇨병", "환자"], "ner_tags": ["B-Disease", "O"]}, "tokens"),
        ({"words": ["당뇨병", "환자"], "labels": ["B-Disease", "O"]}, "tokens"),
        ({"tokens": ["당", "뇨", "병", " ", "환", "자"], "tags": [*"BII", *"OOO"]}, "tokens"),
        ({"Sentence": "당뇨병 환자", "Tags": "Disease-B O"}, "tokens"),
        ({"tokenized_text": ["당뇨병", "환자"], "ner": [[0, 0, "Disease"]]}, "gliner1"),
        (
            {
                "text": "당뇨병 환자",
                "tokens": [{"text": "당뇨병", "start": 0, "end": 3, "id": 0, "ws": True}],
                "spans": [{"token_start": 0, "token_end": 0, "label": "Disease"}],
                "answer": "accept",
                "_task_hash": 1,
            },
            "prodigy",
        ),
        (
            {
                "text": "당뇨병 환자",
                "ents": [{"start": 0, "end": 3, "label": "Disease"}],
                "tokens": [{"id": 0, "start": 0, "end": 3}],
            },
            "spans",
        ),
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_each_tools_file_is_recognised_and_read(
    tmp_path: Path, record: Any, name: str, listed: bool
) -> None:
    path = write(tmp_path / "f.json", [record, record] if listed else record)
    assert format_of(path).name == name
    (found, *rest), notes = read(path, label="Disease")
    assert (found.text, found.mentions) == ("당뇨병 환자", (DIABETES,))
    assert len(rest) == listed
    assert not [note for note in notes if note.kind in ("unread-keys", "other-tasks")]


def test_rejected_and_ignored_records_and_spans_of_prodigy_are_no_gold(tmp_path: Path) -> None:
    span = {"start": 0, "end": 2, "label": "D"}
    path = write(
        tmp_path / "f.jsonl",
        {"text": "천식 환자", "spans": [span], "answer": "accept"},
        {"text": "천식 환자", "spans": [span], "answer": "reject"},
        {"text": "감기 환자", "spans": [], "answer": "ignore"},
        {
            "text": "폐암 환자",
            "spans": [{**span, "answer": "accept"}, {**span, "end": 5, "answer": "reject"}],
        },
        {"text": "폐암 환자", "spans": [{**span, "answer": "ignore"}], "answer": "accept"},
    )
    found, notes = read(path)
    assert [one.line for one in found] == [1, 4, 5]
    assert [[mention.text for mention in one.mentions] for one in found] == [["천식"], ["폐암"], []]
    assert kinds(notes) == {
        "rejected-records": 1,
        "ignored-records": 1,
        "rejected-spans": 1,
        "ignored-spans": 1,
    }


def test_an_answer_is_honoured_in_any_file_of_spans(tmp_path: Path) -> None:
    plain = {"text": "천식", "spans": [{"start": 0, "end": 2, "label": "D"}]}
    found, notes = read(write(tmp_path / "f.jsonl", *[plain] * 300, {**plain, "answer": "reject"}))
    assert len(found) == 300
    assert kinds(notes) == {"rejected-records": 1}


def test_an_answer_that_nobody_knows_and_a_file_of_rejects_are_refused(tmp_path: Path) -> None:
    span = {"text": "천식", "spans": [{"start": 0, "end": 2, "label": "D"}]}
    with pytest.raises(InputError, match="'answer' is 'maybe'"):
        read(write(tmp_path / "f.jsonl", {**span, "answer": "maybe"}))
    with pytest.raises(InputError, match="no record of the file is gold"):
        read(write(tmp_path / "f.jsonl", {**span, "answer": "reject"}))


def test_prodigys_tokens_without_a_text_are_joined_by_their_spaces(tmp_path: Path) -> None:
    tokens = [
        {"text": "당뇨병", "ws": False},
        {"text": "은", "ws": True},
        {"text": "병", "ws": False},
    ]
    span = {"token_start": 0, "token_end": 0, "label": "Disease"}
    (found,), _ = read(write(tmp_path / "f.jsonl", {"tokens": tokens, "spans": [span]}))
    assert (found.text, found.mentions) == ("당뇨병은 병", (DIABETES,))


def test_relations_of_doccano_are_counted(tmp_path: Path) -> None:
    entity = {"id": 5, "label": "Disease", "start_offset": 0, "end_offset": 3}
    relation = {"id": 1, "from_id": 5, "to_id": 5, "type": "is"}
    record = {"text": "당뇨병", "entities": [entity], "relations": [relation, relation]}
    (found,), notes = read(write(tmp_path / "f.jsonl", record))
    assert found.mentions == (DIABETES,)
    assert kinds(notes) == {"other-tasks": 2}


def test_further_values_of_a_span_are_counted(tmp_path: Path) -> None:
    (found,), notes = read(
        write(tmp_path / "f.jsonl", {"text": "당뇨병", "entities": [[0, 3, "Disease", "Q1"]]})
    )
    assert found.mentions == (DIABETES,)
    assert kinds(notes) == {"unread-values": 1}


def region(start: int, end: int, *labels: str, kind: str = "labels") -> dict[str, Any]:
    return {"type": kind, "value": {"start": start, "end": end, "labels": list(labels)}}


def test_of_label_studios_annotations_one_is_taken_and_the_others_are_counted(
    tmp_path: Path,
) -> None:
    text = {"data": {"text": "당뇨병 환자"}}
    one, other = {"result": [region(0, 3, "A")]}, {"result": [region(4, 6, "B")]}
    cancelled = {**other, "was_cancelled": True}
    path = write(
        tmp_path / "f.json",
        [
            {**text, "annotations": [one, other]},
            {**text, "annotations": [one, {**other, "ground_truth": True}]},
            {**text, "annotations": [cancelled, one]},
            {**text, "annotations": [cancelled]},
            {**text, "annotations": [], "predictions": [other]},
        ],
    )
    found, notes = read(path)
    assert [[mention.label for mention in one.mentions] for one in found] == [
        ["A"],
        ["B"],
        ["A"],
        [],
    ]
    assert kinds(notes) == {
        "further-annotations": 2,
        "cancelled-annotations": 2,
        "skipped-records": 1,
        "tasks-without-annotation": 1,
        "predictions": 1,
    }
    assert any("ground truth is taken" in note.what for note in notes)


def test_a_region_with_several_labels_is_as_many_mentions(tmp_path: Path) -> None:
    results = [region(0, 3, "A", "B"), region(4, 6), {"type": "relation", "from_id": "x"}]
    results.append({"type": "choices", "value": {"choices": ["good"]}})
    record = {"data": {"text": "당뇨병 환자"}, "annotations": [{"result": results}]}
    (found,), notes = read(write(tmp_path / "f.json", [record]))
    assert [(one.label, one.text) for one in found.mentions] == [("A", "당뇨병"), ("B", "당뇨병")]
    assert kinds(notes) == {"unlabelled-spans": 1, "other-tasks": 2}


def test_the_text_of_a_task_is_found_by_what_its_spans_cover(tmp_path: Path) -> None:
    value = {"start": 0, "end": 3, "text": "당뇨병", "labels": ["Disease"]}
    record = {
        "data": {"title": "제목", "body": "당뇨병 환자"},
        "annotations": [{"result": [{"type": "labels", "value": value}]}],
    }
    (found,), _ = read(write(tmp_path / "f.json", [record]))
    assert (found.text, found.mentions) == ("당뇨병 환자", (DIABETES,))
    record["data"] = {"title": "제목", "body": "글"}
    with pytest.raises(InputError, match="it holds 'title', 'body'"):
        read(write(tmp_path / "f.json", [record]))


def test_choices_of_json_min_are_counted(tmp_path: Path) -> None:
    record = {**LS_MIN, "sentiment": "good", "topics": {"choices": ["a"]}}
    (found,), notes = read(write(tmp_path / "f.json", [record]))
    assert found.mentions == (DIABETES,)
    assert {note.kind for note in notes} == {"unread-keys", "other-tasks"}


def test_offsets_of_label_studio_in_utf16_are_read_as_such(tmp_path: Path) -> None:
    value = {"start": 3, "end": 6, "text": "당뇨병", "labels": ["Disease"]}
    record = {
        "data": {"text": "👍 당뇨병"},
        "annotations": [{"result": [{"type": "labels", "value": value}]}],
    }
    (found,), notes = read(write(tmp_path / "f.json", [record]))
    assert found.mentions == (Mention(2, 5, "Disease", "당뇨병"),)
    assert kinds(notes) == {"offsets-counted-otherwise": 1}


def test_gliners_ends_are_inclusive_and_its_label_set_is_kept(tmp_path: Path) -> None:
    record = {
        "tokenized_text": ["State", "University", "of", "New", "York", "is", "old"],
        "ner": [[0, 4, "ORG"]],
        "ner_labels": ["ORG", "PER"],
        "ner_negatives": ["LOC"],
    }
    (found,), notes = read(write(tmp_path / "f.json", [record]))
    assert found.mentions == (Mention(0, 28, "ORG", "State University of New York"),)
    assert found.annotated == ("ORG", "PER")
    assert kinds(notes) == {"negatives": 1}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"tokenized_text": ["a"], "ner": [[0, 1, "L"]]}, "is not among 1 words"),
        ({"tokenized_text": ["a"], "ner": [[0, 0]]}, "has 2 values"),
        ({"tokenized_text": ["a", None], "ner": []}, "a token should be a string, not null"),
        ({"tokenized_text": ["a"], "ner": [], "ws": [True, True]}, "has 2 values for 1 tokens"),
        ({"tokens": ["a", "b"], "ner_tags": ["O"]}, "2 tokens but 1 tags"),
        ({"tokens": ["a"], "ner_tags": ["X-Y-Z"]}, "'X-Y-Z' is no BIO tag"),
        ({"tokens": ["a", "b"], "ner_tags": ["NN", "VB"]}, "is no BIO tag"),
        ({"tokens": ["a"], "ner_tags": [1]}, "--label-names O,B-PER"),
        ({"tokens": ["a", "b"], "ner_tags": ["B", "O"]}, "--tag-label NAME"),
        ({"tokens": ["a"], "ner_tags": [True]}, "not true or false"),
        ({"data": {"text": 1}, "annotations": []}, "'text' is a whole number"),
        ({**LS, "annotations": [7]}, "an annotation should be an object, not a whole number"),
        ({"text": "a", "label": [["L", 0, 1]]}, "'start' should be a whole number"),
    ],
)
def test_a_bad_record_of_a_tool_is_refused_at_its_line(
    tmp_path: Path, record: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "f.jsonl", record)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert caught.value.where == f"{path}:1"


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        ({}, "EU 's law"),
        ({"text": "EU's  law"}, "EU's  law"),
        ({"sentence": "<EU:ORG>'s law"}, "EU 's law"),
        ({"space_after": [False, True, False]}, "EU's law"),
        ({"ws": [0, 1, 0]}, "EU's law"),
        ({"whitespace": ["", " ", ""]}, "EU's law"),
    ],
)
def test_tokens_become_a_text_by_the_spaces_that_the_record_tells(
    tmp_path: Path, extra: dict[str, Any], text: str
) -> None:
    words = ["EU", "'s", "law"]
    for record in (
        {"tokens": words, "ner_tags": ["B-ORG", "O", "O"]},
        {"tokenized_text": words, "ner": [[0, 0, "ORG"]]},
    ):
        (found,), _ = read(write(tmp_path / "f.jsonl", {**record, **extra}))
        assert (found.text, found.mentions) == (text, (Mention(0, 2, "ORG", "EU"),))


NUMBERED = {"tokens": ["서울", "에", "간다"], "ner_tags": [1, 0, 0]}
NAMES = ["O", "B-LOC", "I-LOC"]
CLASS = {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "Sequence"}


@pytest.mark.parametrize(
    "around",
    [
        {"features": {"tokens": {}, "ner_tags": CLASS}},
        {"features": [{"feature_idx": 1, "name": "ner_tags", "type": CLASS}]},
        {"label_names": NAMES},
        {"id2label": {"0": "O", "1": "B-LOC", "2": "I-LOC"}},
        {"label2id": {"O": 0, "B-LOC": 1, "I-LOC": 2}},
    ],
)
def test_numbers_for_tags_are_named_by_what_stands_around_them(
    tmp_path: Path, around: dict[str, Any]
) -> None:
    path = write(tmp_path / "f.json", {**around, "data": [NUMBERED]})
    (found,), notes = read(path)
    assert found.mentions == (Mention(0, 2, "LOC", "서울"),)
    assert kinds(notes) == {"named-tags": 1}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dataset_info.json", {"features": {"ner_tags": CLASS}}),
        ("dataset_infos.json", {"default": {"features": {"ner_tags": CLASS}}}),
        ("config.json", {"id2label": {"0": "O", "1": "B-LOC", "2": "I-LOC"}}),
        ("id2label.json", {"0": "O", "1": "B-LOC", "2": "I-LOC"}),
        (
            "README.md",
            "---\ndataset_info:\n  features:\n  - name: ner_tags\n    sequence:\n"
            "      class_label:\n"
            "        names:\n          '0': O\n          '1': B-LOC\n---\n# A set\n",
        ),
    ],
)
def test_numbers_for_tags_are_named_by_a_file_beside(
    tmp_path: Path, name: str, content: Any
) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / name).write_text(text, encoding="utf-8")
    (found,), notes = read(write(tmp_path / "f.jsonl", NUMBERED))
    assert found.mentions == (Mention(0, 2, "LOC", "서울"),)
    assert [note.what for note in notes] == [f"records hold tags as numbers, which {name} names"]


def test_numbers_for_tags_are_named_by_an_option_that_must_name_all(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", NUMBERED)
    (found,), _ = read(path, label_names=("O", "B-LOC"))
    assert found.mentions == (Mention(0, 2, "LOC", "서울"),)
    with pytest.raises(InputError, match="the tag 1 is not among 1 names of --label-names"):
        read(path, label_names=("O",))


def test_types_without_letters_are_mentions_of_neighbours(tmp_path: Path) -> None:
    record = {"tokens": ["New", "York", "is", "old"], "ner_tags": ["LOC", "LOC", "O", "O"]}
    (found,), notes = read(write(tmp_path / "f.jsonl", record))
    assert found.mentions == (Mention(0, 8, "LOC", "New York"),)
    assert kinds(notes) == {"tags-without-letters": 1}


def test_of_several_columns_of_tags_one_is_read_and_the_others_are_counted(tmp_path: Path) -> None:
    record = {
        "tokens": ["당뇨병", "환자"],
        "ner_tags": ["B-Disease", "O"],
        "nested_ner_tags": ["O", "B-Person"],
        "pos_tags": ["NN", "NN"],
    }
    path = write(tmp_path / "f.jsonl", record)
    (found,), notes = read(path)
    assert found.mentions == (DIABETES,)
    assert [(note.kind, "nested_ner_tags" in note.what) for note in notes] == [("other-tags", True)]
    (found,), _ = read(path, tag_column="nested_ner_tags")
    assert [one.label for one in found.mentions] == ["Person"]
    with pytest.raises(InputError, match="there is no column 'x'"):
        read(path, tag_column="x")


@pytest.mark.parametrize(
    "rows",
    [
        'id,tokens,ner_tags\n7,"[""당뇨병"", ""환자""]","[""B-Disease"", ""O""]"\n',
        "id,tokens,ner_tags\n7,\"['당뇨병', '환자']\",\"['B-Disease', 'O']\"\n",
        "id,tokens,ner_tags\n7,['당뇨병' '환자'],['B-Disease' 'O']\n",
        ",id,tokens,ner_tags\n0,7,\"['당뇨병'\n '환자']\",\"['B-Disease'\n 'O']\"\n",
        "id;tokens;ner_tags\n7;['당뇨병' '환자'];[1 0]\n",
        'id,text,label\n7,당뇨병 환자,"[{""start"": 0, ""end"": 3, ""labels"": [""Disease""]}]"\n',
        "id,text,entities\n7,당뇨병 환자,\"[(0, 3, 'Disease')]\"\n",
        'id,text,entities\n7,당뇨병 환자,"{""Disease"": [""당뇨병""]}"\n',
    ],
)
def test_csv_whose_cells_hold_lists_is_read(tmp_path: Path, rows: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text(rows, encoding="utf-8")
    assert format_of(path).name == "csv"
    (found,), _ = read(path, label_names=("O", "B-Disease"))
    assert (found.id, found.text, found.mentions) == ("7", "당뇨병 환자", (DIABETES,))
    assert found.line == 2


def test_a_folder_of_brat_is_read_with_what_it_holds_beside(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("당뇨병과 고혈압\r\n위암 또는 간암\n제2형\n당뇨".encode())
    (tmp_path / "a.ann").write_text(
        "T1\tDisease 0 3\t당뇨병\nT2\tDisease 10 11;17 18\t위 암\n"
        "T3\tDisease 19 22;23 25\t제2형 당뇨\n"
        "R1\tis Arg1:T1 Arg2:T2\nA1\tNegated T1\n#1\tNote T1\thm\n",
        encoding="utf-8",
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("건강", encoding="utf-8")
    (tmp_path / "sub" / "b.ann").touch()
    (tmp_path / "c.txt").write_text("누구도", encoding="utf-8")
    assert format_of(tmp_path).name == "brat"
    found, notes = read(tmp_path)
    assert [one.id for one in found] == ["a", "sub/b"]
    assert found[0].mentions == (DIABETES, Mention(19, 25, "Disease", "제2형\n당뇨"))
    assert found[0].unlocated == (Unlocated("Disease", "위 암"),)
    assert kinds(notes) == {
        "discontinuous-spans": 1,
        "other-tasks": 2,
        "about": 1,
        "texts-without-annotation": 1,
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T1\tDisease 0 9\tx", "not inside the text"),
        ("T1\tDisease 0 3\t고혈압", "covers '당뇨병', not '고혈압'"),
        ("T1 Disease 0 3", "no span"),
        ("당뇨병", "no annotation of brat"),
    ],
)
def test_a_bad_line_of_brat_is_refused_with_its_file_and_line(
    tmp_path: Path, line: str, message: str
) -> None:
    (tmp_path / "a.txt").write_text("당뇨병", encoding="utf-8")
    (tmp_path / "a.ann").write_text(f"T2\tDisease 0 3\t당뇨병\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path)
    assert caught.value.where == f"{tmp_path / 'a.ann'}:2"


@pytest.mark.parametrize(
    ("name", "content", "module", "extra"),
    [
        ("f.parquet", b"PAR1\0\0PAR1", "pyarrow", "encswap[datasets]"),
        ("f.spacy", b"x\x9c\0\0", "spacy", "encswap[spacy]"),
    ],
)
def test_a_file_that_needs_an_extra_says_which(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: bytes,
    module: str,
    extra: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    assert extra in str(caught.value)


def test_a_data_set_of_the_hub_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"encswap\[datasets\]"):
        read_examples("hf:owner/name:config:train")


def test_parquet_names_its_tags_itself(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra 'datasets' is not installed")
    label = datasets.Sequence(datasets.ClassLabel(names=NAMES))
    features = datasets.Features(
        {"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": label}
    )
    rows = {key: [value] for key, value in NUMBERED.items()}
    path = tmp_path / "f.parquet"
    datasets.Dataset.from_dict(rows, features=features).to_parquet(str(path))
    (found,), notes = read(path)
    assert (found.id, found.mentions) == ("f:1", (Mention(0, 2, "LOC", "서울"),))
    assert kinds(notes) == {"named-tags": 1}
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match="Parquet"):
        read(path)


def test_parquet_holds_sentences_and_tags_or_spans(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra 'datasets' is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    for columns in (
        {"Sentence": ["당뇨병 환자"], "Tags": ["Disease-B O"]},
        {"text": ["당뇨병 환자"], "spans": [[{"start": 0, "end": 3, "label": "Disease"}]]},
    ):
        parquet.write_table(pyarrow.table(columns), tmp_path / "f.parquet")
        (found,), _ = read(tmp_path / "f.parquet")
        assert (found.text, found.mentions) == ("당뇨병 환자", (DIABETES,))


def test_a_data_set_of_the_hub_that_cannot_be_reached_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("datasets", reason="the extra 'datasets' is not installed")
    monkeypatch.setattr("encswap.data.formats.rows.why_unreachable", lambda: "no network")
    with pytest.raises(InputError, match=r"cannot be fetched \(no network\)"):
        read_examples("hf:owner/name:config:train")


def test_docbin_is_read(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy", reason="the extra 'spacy' is not installed")
    from spacy.tokens import DocBin

    doc = spacy.blank("xx")("당뇨병 환자")
    doc.ents = [doc.char_span(0, 3, label="Disease")]
    doc.cats = {"good": 1.0}
    path = tmp_path / "f.spacy"
    DocBin(docs=[doc]).to_disk(path)
    (found,), notes = read(path)
    assert (found.text, found.mentions) == ("당뇨병 환자", (DIABETES,))
    assert kinds(notes) == {"other-tasks": 1}
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="no file of spaCy's DocBin"):
        read(path)


MULTITASK = Example(
    "x",
    "당뇨병 환자",
    (DIABETES, Mention(0, 6, "Disease", "당뇨병 환자")),
    (Unlocated("Disease", "암"),),
    ("Disease",),
    {"Disease": "병"},
    tasks={
        "classifications": [{"task": "t", "labels": ["a", "b"], "true_label": ["b"]}],
        "relations": [{"r": {"head": "당뇨병", "tail": "환자"}}],
    },
)


@pytest.mark.parametrize("name", ["plan", "gliner2", "spans"])
def test_formats_that_hold_tasks_keep_them(tmp_path: Path, name: str) -> None:
    write_examples([MULTITASK], tmp_path / "a", "plan")
    done = convert(tmp_path / "a", tmp_path / "b", name)
    assert not done.lost
    (found,), _ = read(tmp_path / "b")
    assert (found.tasks, found.unlocated) == (MULTITASK.tasks, MULTITASK.unlocated)
    assert found.mentions == MULTITASK.mentions


@pytest.mark.parametrize(
    "name",
    sorted(n for n, one in FORMATS.items() if one.write and n not in ("plan", "gliner2", "spans")),
)
def test_other_formats_refuse_to_lose_and_drop_what_they_are_let(tmp_path: Path, name: str) -> None:
    write_examples([MULTITASK], tmp_path / "a", "spans")
    with pytest.raises(InputError) as caught:
        convert(tmp_path / "a", tmp_path / "b", name)
    assert not (tmp_path / "b").exists()
    assert not list(tmp_path.glob(".b*"))
    assert "--drop" in str(caught.value) or "cannot be written" in str(caught.value)
    done = convert(tmp_path / "a", tmp_path / "b", name, drop=True)
    assert {"descriptions", "tasks", "unlocated"} <= set(done.lost)
    (found,), _ = read(tmp_path / "b", format=name)
    kept = MULTITASK.mentions if "overlaps" in FORMATS[name].keeps else MULTITASK.mentions[1:]
    assert found.mentions == kept


def test_a_conversion_names_the_tasks_and_keys_that_it_would_lose(tmp_path: Path) -> None:
    relations = [{"r": {"head": "a", "tail": "a"}}]
    record = {"text": "a", "entities": {"L": ["a"]}, "relations": relations, "negated": [1]}
    path = write(tmp_path / "a", record, record)
    with pytest.raises(InputError) as caught:
        convert(path, tmp_path / "b", "conll")
    for part in ("2 records hold relations", "2 records hold the key 'negated'", "--drop"):
        assert part in str(caught.value)
    with pytest.raises(InputError, match="'negated'"):
        convert(path, tmp_path / "b", "gliner2")
    assert convert(path, tmp_path / "b", "conll", drop=True).lost == {"tasks": 2}


@given(
    text=st.text(st.sampled_from("가암a b\n👍.\u00a0-"), min_size=1, max_size=20).filter(str.strip),
    ends=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), max_size=4),
    name=st.sampled_from(["spacy", "doccano", "gliner1", "tokens"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_what_is_written_for_a_tool_is_read_back(
    tmp_path: Path, text: str, ends: list[tuple[int, int]], name: str
) -> None:
    spans = {(start, min(start + width, len(text))) for start, width in ends if start < len(text)}
    # Two spans that white space alone tells apart are one mention.
    words = {one: text[slice(*one)].strip() for one in sorted(spans) if text[slice(*one)].strip()}
    told_apart = {
        (text.index(word, start), word): (start, end) for (start, end), word in words.items()
    }
    marks = [Mention(*one, "L", text[slice(*one)]) for one in sorted(told_apart.values())]
    example = Example("x", text, tuple(marks))
    path = tmp_path / "f"
    path.unlink(missing_ok=True)
    try:
        write_examples([example], path, name)
    except InputError as error:
        assert "overlaps another" in error.message
        return
    (found,), _ = read(path, format=name)
    assert found.text == text
    kept = {(one.label, one.text.strip()) for one in example.mentions}
    assert {(one.label, one.text) for one in found.mentions} == kept


def test_ids_and_metadata_are_told_and_do_not_stop_a_conversion(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a",
        {"id": "n", "source": "s", "text": "a", "spans": [{"start": 0, "end": 1, "label": "L"}]},
    )
    done = convert(path, tmp_path / "b", "kbmc")
    assert done.lost == {"ids": 1}
    assert [note.kind for note in done.notes] == ["about"]
