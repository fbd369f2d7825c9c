from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encswap.data.duplicates import Fingerprint, Fingerprints
from encswap.data.formats.table import ReadOptions
from encswap.data.inspect import BATCH, as_json, inspect, unusual_characters
from encswap.data.units import Missed, Worst
from encswap.data.windows import Lengths, Ruler
from encswap.errors import InputError


def spaced(text: str, lower: bool = True) -> Iterator[tuple[str, int, int]]:
    for found in re.finditer(r"[^\s.]+|\.", text):
        token = found.group()
        yield (token.lower() if lower else token), *found.span()


def letters(text: str, lower: bool = True) -> Iterator[tuple[str, int, int]]:
    for found in re.finditer(r"\S", text):
        yield found.group().lower(), *found.span()


def write(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


LONG = "심한 복통과 발열로 내원한 환자에게서 급성 충수염이 확인되어 수술을 시행하였다."
RECORDS = [
    {"id": "a", "text": LONG, "entities": {"D": ["급성 충수염", "복통"], "P": ["수술"]}},
    {"id": "b", "text": LONG.replace("한 ", "한  "), "entities": {"D": ["급성충수염"]}},
    {"id": "c", "text": LONG, "entities": {"D": ["당뇨병"], "X": []}},
    {"id": "d", "text": "짧은 글\u200b\x07e\u0301", "entities": {"D": ["글"]}},
]


def test_an_inspection_says_what_there_is(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", *RECORDS)
    found = as_json(inspect(path, {"spaced": spaced, "letters": letters}))
    assert found["file"] == str(path)
    assert (found["examples"], found["mentions"], found["unlocated"]) == (4, 6, 1)
    assert found["labels"] == {"D": 5, "P": 1, "X": 0}
    assert found["repaired"] == 1
    assert found["repairs"][0]["where"] == f"{path}:2"
    assert found["duplicates"]["within"]["exact"] == 1
    assert found["duplicates"]["within"]["near"] == 1
    assert found["duplicates"]["within"]["pairs"] == [
        {"line": 2, "twin": 1, "exact": False},
        {"line": 3, "twin": 1, "exact": True},
    ]
    assert found["duplicates"]["against"] is None
    unseen = found["characters_unseen"]
    assert unseen == {
        kind: {"examples": 1, "lines": [4]} for kind in ("decomposed", "control", "invisible")
    }
    assert found["unlocated_worst"][0]["text"] == "당뇨병"
    spaced_view = found["splitters"]["spaced"]
    assert spaced_view["aligned"] == 0.0
    assert spaced_view["within"] == {"8": 0.0, "12": 0.0, "16": 0.0, "20": 0.0, "24": 0.0}
    assert spaced_view["unaligned_worst"][0] == {
        "line": 1,
        "id": "a",
        "label": "D",
        "text": "복통",
        "context": "심한 «복통»과 발열로 내원한 환자에게서",
        "units": ["복통과"],
    }
    view = found["splitters"]["letters"]
    assert view["aligned"] == pytest.approx(5 / 6, abs=1e-6)
    assert view["suggested_max_width"] == 5
    assert set(view["units_per_example"]) == {"mean", "max"}


def test_texts_are_looked_up_in_the_other_file(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", {"text": "다른 글", "entities": {"D": []}}, RECORDS[0])
    test = write(tmp_path / "test.jsonl", *RECORDS[1:])
    found = inspect(test, {"spaced": spaced}, against=train).across
    assert found is not None
    assert (found.exact, found.near) == (1, 1)
    assert [(one.line, one.match, one.file) for one in found.pairs] == [
        (1, 2, train),
        (2, 2, train),
    ]


def test_lengths_are_held_against_an_encoder(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", *RECORDS)
    ruler = Ruler(len, 40)
    found = inspect(path, {"letters": letters}, rulers={"enc": ruler}).splitters["letters"]
    lengths = found.lengths["enc"]
    assert lengths.prompt == 7 + 3 * 2
    assert lengths.lengths.max == sum(1 for char in LONG if char.strip())
    assert lengths.over == 3


def test_progress_is_told_by_batches(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", *[{**RECORDS[0], "id": str(n)} for n in range(BATCH + 1)])
    told: list[int] = []
    inspect(path, {"spaced": spaced}, progress=told.append)
    assert told == [BATCH, BATCH + 1]


def test_a_file_without_gold_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", {"text": "a", "entities": {"D": []}})
    with pytest.raises(InputError, match="holds no mention"):
        inspect(path, {"spaced": spaced})


def test_the_worst_examples_are_kept_worst_first() -> None:
    worst = Worst(most=2, each=1)
    shown = [Missed(line, str(line), "L", "t", "c") for line in range(5)]
    for line, lost in enumerate([1, 3, 2, 0, 3]):
        if worst.wants(lost):
            worst.add(lost, [shown[line], shown[0]])
    assert [one.line for one in worst.listed()] == [1, 4]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("보통 글\t\r\n", []),
        ("e\u0301", ["decomposed"]),
        ("a\x00", ["control"]),
        ("\ufeffa\u200d", ["invisible"]),
    ],
)
def test_unseen_characters_are_named(text: str, kinds: list[str]) -> None:
    assert unusual_characters(text) == kinds


def test_lengths_are_summarised() -> None:
    from collections import Counter

    assert Lengths.of(Counter({1: 90, 10: 10})) == Lengths(1.9, 1, 10, 10)
    assert Lengths.of(Counter()) == Lengths(0.0, 0, 0, 0)


def test_an_index_remembers_so_many_texts_and_no_more() -> None:
    index = Fingerprints(most=1)
    index.add(Fingerprint.of("하나"), 1)
    index.add(Fingerprint.of("둘"), 2)
    assert index.find(Fingerprint.of("둘")) is None
    match = index.find(Fingerprint.of("하나"))
    assert match is not None
    assert (match.line, match.exact) == (1, True)


def test_different_texts_do_not_resemble_each_other() -> None:
    index = Fingerprints()
    index.add(Fingerprint.of(LONG), 1)
    other = "혈압이 높아 약을 처방하고 두 주 뒤에 외래에서 다시 보기로 하였다고 적혀 있다."
    assert index.find(Fingerprint.of(other)) is None


@given(st.text(min_size=1, max_size=60))
def test_a_text_is_found_again(text: str) -> None:
    index = Fingerprints()
    assert index.find(Fingerprint.of(text)) is None
    index.add(Fingerprint.of(text), 7)
    match = index.find(Fingerprint.of(text))
    assert match is not None
    assert (match.line, match.exact) == (7, True)


def test_ids_that_repeat_are_counted(tmp_path: Path) -> None:
    names = ["notice-1", "notice-1", "notice-2", "notice-1", "notice-2", "notice-3"]
    records = [
        {"id": name, "text": f"{n} 암 환자", "entities": {"D": ["암"]}}
        for n, name in enumerate(names)
    ]
    other = write(tmp_path / "other.jsonl", records[2], records[5])
    found = as_json(
        inspect(write(tmp_path / "f.jsonl", *records), {"spaced": spaced}, against=other)
    )
    assert found["repeated_ids"] == {"ids": 2, "examples": 5, "most": "notice-1", "times": 3}
    assert found["against"]["shared_ids"] == 2


def test_what_strings_pass_over_is_counted_and_listed(tmp_path: Path) -> None:
    text = "암 환자에게 암로디핀을 투여하며 암시를 느꼈다."
    record = {"text": text, "entities": {"Disease": ["암"], "Drug": ["암로디핀"]}}
    path = write(tmp_path / "f.jsonl", record)
    found = as_json(inspect(path, {"letters": letters}))
    assert found["mentions"] == 2
    assert found["occurrences"]["setting"] == "standalone"
    assert found["occurrences"]["passed_over"] == 2
    assert found["occurrences"]["listed"][0] == {
        "where": f"{path}:1",
        "label": "Disease",
        "text": "암",
        "start": 7,
        "end": 8,
        "inside": "암로디핀",
        "gold": True,
    }
    every = as_json(inspect(path, {"letters": letters}, options=ReadOptions(occurrences="all")))
    assert (every["mentions"], every["occurrences"]["passed_over"]) == (4, 0)


def test_nested_gold_lowers_the_ceiling_and_not_what_units_express(tmp_path: Path) -> None:
    """Case of 164 mentions, 33 of them inside another of their label: 131/164."""
    inner = [{"start": 0, "end": 11, "label": "D"}, {"start": 8, "end": 11, "label": "D"}]
    nested = [{"text": "급성 림프구성 백혈병 .", "spans": inner}] * 33
    plain = [{"text": "백혈병 .", "spans": [{"start": 0, "end": 3, "label": "D"}]}] * 98
    found = as_json(inspect(write(tmp_path / "f.jsonl", *nested, *plain), {"letters": letters}))
    view = found["splitters"]["letters"]
    assert (found["mentions"], view["aligned"]) == (164, 1.0)
    assert found["overlaps"]["nested_same_label"] == 33
    assert view["ceiling"] == {
        "allow": 1.0,
        "nested": 1.0,
        "disallow": round(131 / 164, 6),
        "longest": round(131 / 164, 6),
    }


def test_label_sets_and_labels_that_are_nearly_one_are_counted(tmp_path: Path) -> None:
    records = [
        {"text": "암 약", "entities": {"Disease": ["암"], "Drug": []}},
        {"text": "암 약 1", "entities": {"Disease": ["암"]}},
        {"text": "암 약 2", "entities": {"drug": ["약"]}},
    ]
    found = as_json(inspect(write(tmp_path / "f.jsonl", *records), {"letters": letters}))
    assert found["label_sets"] == {
        "named": 1,
        "not_named": {"Disease": 1, "Drug": 2, "drug": 1},
    }
    assert found["labels_alike"] == [{"first": "Drug", "second": "drug", "by": "case"}]
