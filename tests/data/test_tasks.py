"""gliner2's tasks beside entities: read, checked, counted, and written back as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from encswap.data.convert import convert
from encswap.data.inspect import as_json, inspect
from encswap.data.notes import Notes
from encswap.data.readers import read_examples
from encswap.data.tasks import Value, compare_tasks, schema_of, tasks_of, with_values
from encswap.errors import InputError

TEXT = "당뇨병 환자에게 인슐린을 투여하였다."
MIXED = {
    "input": TEXT,
    "output": {
        "entities": {"Disease": ["당뇨병"], "Drug": ["인슐린"]},
        "entity_descriptions": {"Disease": "병의 이름"},
        "classifications": [
            {
                "task": "severity",
                "labels": ["mild", "severe"],
                "true_label": ["mild"],
                "prompt": "how bad",
                "label_descriptions": {"mild": "not bad"},
                "examples": [["좋아졌다", "mild"]],
            },
            {"task": "topics", "labels": ["a", "b", "c"], "true_label": ["a", "c"]},
        ],
        "relations": [{"treats": {"head": "인슐린", "tail": "당뇨병"}}],
        "relation_descriptions": {"treats": "약이 병을"},
        "json_structures": [
            {
                "rx": {
                    "drug": "인슐린",
                    "for": ["당뇨병"],
                    "route": {"value": "iv", "choices": ["iv"]},
                }
            }
        ],
        "json_descriptions": {"rx": {"drug": "약"}},
        "record_metadata": {"rx": {"mode": "natural", "anchor": "drug"}},
    },
}
ONLY_CLASSES = {
    "input": "환자가 좋아졌다.",
    "output": {"classifications": [{"task": "severity", "labels": ["mild"], "true_label": "mild"}]},
}
NO_RELATION = {"input": "환자가 왔다.", "output": {"entities": {"Disease": []}, "relations": []}}


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records))
    return path


def with_output(**values: object) -> dict[str, object]:
    return {"input": TEXT, "output": values}


@pytest.mark.parametrize("way", [("gliner2",), ("plan", "gliner2"), ("spans", "gliner2")])
def test_all_four_tasks_come_back_as_they_were(tmp_path: Path, way: tuple[str, ...]) -> None:
    path = write(tmp_path / "0.jsonl", MIXED, ONLY_CLASSES, NO_RELATION)
    before = read_examples(path)
    for place, name in enumerate(way, start=1):
        assert not convert(path, tmp_path / f"{place}.jsonl", name).lost
        path = tmp_path / f"{place}.jsonl"
    written = [json.loads(line)["output"] for line in path.read_text().splitlines()]
    assert written == [MIXED["output"], ONLY_CLASSES["output"], NO_RELATION["output"]]
    after = read_examples(path)
    for one, other in zip(before, after, strict=True):
        assert (one.mentions, one.tasks, one.annotated) == (
            other.mentions,
            other.tasks,
            other.annotated,
        )


def test_tasks_become_typed_values_with_their_places(tmp_path: Path) -> None:
    (example,) = read_examples(write(tmp_path / "f.jsonl", MIXED))
    tasks = tasks_of(example)
    severity, topics = tasks.classifications
    assert (severity.gold, severity.multi, severity.options["prompt"]) == (
        ("mild",),
        False,
        "how bad",
    )
    assert (topics.gold, topics.multi) == (("a", "c"), True)
    (treats,) = tasks.relations
    assert treats.arguments == {
        "head": Value("인슐린", ((9, 12),)),
        "tail": Value("당뇨병", ((0, 3),)),
    }
    (rx,) = tasks.structures
    assert rx.choices == {"route": ("iv",)}
    assert [name for name, _ in tasks.values] == ["treats.head", "treats.tail", "rx.drug", "rx.for"]
    named = {one.label for one in with_values(example, alone=True).mentions}
    assert named == {"treats.head", "treats.tail", "rx.drug", "rx.for"}


def test_an_argument_may_be_given_by_its_offsets(tmp_path: Path) -> None:
    text = "암과 암"
    head = {"text": "암", "start": 3, "end": 4}
    record = {"input": text, "output": {"relations": [{"r": {"head": head, "tail": "암"}}]}}
    (example,) = read_examples(write(tmp_path / "f.jsonl", record))
    (relation,) = tasks_of(example).relations
    assert relation.arguments["head"].spans == ((3, 4),)
    assert relation.arguments["tail"].spans == ((0, 1), (3, 4))


SEVERITY = {"task": "severity", "labels": ["mild", "severe"], "true_label": ["mild"]}


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ({"classifications": [{**SEVERITY, "true_label": "grave"}]}, "'grave', which is outside"),
        ({"classifications": [{**SEVERITY, "true_label": []}]}, "no true label"),
        ({"classifications": [{"task": "t", "labels": ["a"]}]}, "lacks 'true_label'"),
        ({"classifications": [{**SEVERITY, "labels": ["mild", "mild"]}]}, "'mild' twice"),
        ({"classifications": ["severity"]}, "should be an object"),
        ({"classifications": "severity"}, "should be a list"),
        ({"relations": [{"r": {"head": ["a", "b"], "tail": "c"}}]}, "one string, not 2"),
        ({"relations": [{"r": {"head": None, "tail": "c"}}]}, "one string, not 0"),
        ({"relations": [{"r": {}}]}, "has no arguments"),
        (
            {"relations": [{"r": {"head": "a", "tail": "b"}}, {"r": {"head": "a", "to": "b"}}]},
            "has the arguments head, to here and head, tail before",
        ),
        ({"json_structures": [{"rx": {"drug": 3}}]}, "should be a string"),
        (
            {"json_structures": [{"rx": {"drug": {"text": "암", "start": 0, "end": 3}}}]},
            "covers '당뇨병', not '암'",
        ),
        (
            {"json_structures": [{"rx": {"r": {"value": "po", "choices": ["iv"]}}}]},
            "'po', outside its choices",
        ),
    ],
)
def test_a_task_that_is_not_as_gliner2_writes_it_is_refused_by_file_and_line(
    tmp_path: Path, output: dict[str, object], said: str
) -> None:
    path = write(tmp_path / "f.jsonl", MIXED, with_output(**output))
    with pytest.raises(InputError, match=said) as caught:
        read_examples(path)
    assert caught.value.where == f"{path}:2"


def test_values_that_are_not_in_the_text_and_arguments_no_entity_are_told_by_line(
    tmp_path: Path,
) -> None:
    record = with_output(
        entities={"Disease": ["당뇨병"]},
        relations=[{"treats": {"head": "인슐린", "tail": "당뇨병"}}],
        json_structures=[{"rx": {"drug": "메트포르민"}}],
    )
    path, notes = write(tmp_path / "f.jsonl", MIXED, record), Notes()
    read_examples(path, notes=notes)
    assert [(note.kind, note.what, note.places) for note in notes] == [
        (
            "unlocated-values",
            "values of rx.drug are not in their text: they are scored as missed",
            (f"{path}:2",),
        ),
        (
            "arguments-no-entity",
            "arguments of treats.head are no entity of their record",
            (f"{path}:2",),
        ),
    ]


def test_the_schema_of_documents_asks_each_for_what_any_of_them_lists(tmp_path: Path) -> None:
    more = with_output(
        classifications=[{"task": "severity", "labels": ["none"], "true_label": "none"}],
        json_structures=[{"rx": {"dose": ""}}],
        relations=[{"given": {"drug": "인슐린", "to": "환자"}}],
    )
    schema = schema_of(read_examples(write(tmp_path / "f.jsonl", MIXED, more)))
    assert schema.classifications["severity"] == ("mild", "severe", "none")
    assert schema.multi == {"topics"}
    assert (schema.relations, schema.unscored) == (("treats",), ("given",))
    assert schema.structures == {"rx": ("drug", "for", "route", "dose")}
    assert schema.choices == {"rx.route": ("iv",)}


def test_tasks_that_differ_between_parts_are_told(tmp_path: Path) -> None:
    train = schema_of(read_examples(write(tmp_path / "a.jsonl", MIXED)))
    test = schema_of(read_examples(write(tmp_path / "b.jsonl", ONLY_CLASSES)))
    told = list(compare_tasks({"train": train, "test": test}))
    assert "relations that only train has: treats" in told
    assert told[0].startswith("classifications that only train has: severity: severe, topics: a")


def test_tasks_that_differ_between_train_and_test_are_told_by_file_and_line(
    tmp_path: Path,
) -> None:
    from encswap.recipe import read_recipe
    from encswap.train.prepare import read_documents

    bare = {**MIXED, "output": {"entities": MIXED["output"]["entities"]}}
    train = write(tmp_path / "a.jsonl", bare, bare, *[MIXED] * 8)
    test = write(tmp_path / "b.jsonl", bare, bare)
    given = {"train": str(train), "dev": str(test), "test": str(test)}
    remarks = read_documents(read_recipe(overrides=given)).remarks
    assert f"relations that only train has: treats (first in {train}:3)" in remarks


def test_inspection_counts_each_task_and_what_units_express_of_it(
    tmp_path: Path, plugins: object
) -> None:
    path = write(tmp_path / "f.jsonl", MIXED, ONLY_CLASSES)
    splitters = {name: plugins.splitter(name) for name in ("whitespace", "char")}  # type: ignore[attr-defined]
    found = as_json(inspect(path, splitters))
    assert found["tasks"] == {
        "documents": {"classifications": 2, "relations": 1, "json_structures": 1},
        "classifications": {
            "severity": {"mild": 2, "severe": 0},
            "topics": {"a": 1, "b": 0, "c": 1},
        },
        "relations": {"treats": 1},
        "structures": {"rx": 1},
        "values": {
            name: {"values": 1, "unlocated": 0}
            for name in ("treats.head", "treats.tail", "rx.drug", "rx.for")
        },
    }
    assert found["splitters"]["whitespace"]["values"]["aligned"] == 0.5
    assert found["splitters"]["char"]["values"]["aligned"] == 1.0


def test_a_file_of_classifications_alone_is_inspected(tmp_path: Path, plugins: object) -> None:
    path = write(tmp_path / "f.jsonl", ONLY_CLASSES)
    found = as_json(inspect(path, {"char": plugins.splitter("char")}))  # type: ignore[attr-defined]
    assert found["mentions"] == 0
    assert found["tasks"]["classifications"] == {"severity": {"mild": 1}}
