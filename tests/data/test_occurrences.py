"""Which occurrences of a gold string are meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encswap.data.locate import Longer, PassedOver, locate
from encswap.types import Mention

Gold = Mapping[str, Sequence[str]]


def marked(text: str, gold: Gold, how: str = "standalone") -> list[tuple[str, int]]:
    found = locate(text, gold, how).mentions  # type: ignore[arg-type]
    return [(one.text, one.start) for one in found]


@pytest.mark.parametrize(
    ("text", "gold", "expected"),
    [
        (
            "암 환자에게 암로디핀을 투여하였다.",
            {"Disease": ["암"], "Drug": ["암로디핀"]},
            [("암", 0), ("암로디핀", 7)],
        ),
        (
            "간암 환자가 암 치료를 받으며 암시를 느꼈다.",
            {"Disease": ["간암", "암"]},
            [("간암", 0), ("암", 7)],
        ),
        (
            "저칼슘혈증으로 칼슘을 검사했다.",
            {"Disease": ["저칼슘혈증"], "Biomarker": ["칼슘"]},
            [("저칼슘혈증", 0), ("칼슘", 8)],
        ),
        (
            "급성 림프구성 백혈병 환자와 백혈병 환자를 보았다.",
            {"Disease": ["급성 림프구성 백혈병", "백혈병"]},
            [("급성 림프구성 백혈병", 0), ("백혈병", 16)],
        ),
    ],
)
def test_a_string_marks_what_stands_on_its_own(
    text: str, gold: Gold, expected: list[tuple[str, int]]
) -> None:
    assert marked(text, gold) == expected


@pytest.mark.parametrize(
    ("text", "string", "expected"),
    [
        ("암 환자, 암로디핀, 간암, 암시", "암", [0]),
        ("암은 암을 암에서는 암입니다 암이었다 암으로부터", "암", [0, 3, 6, 11, 16, 21]),
        ("(암)과 「암」, 암·폐암", "암", [1, 6, 10]),
        ("칼슘을 재고 저칼슘혈증", "칼슘", [0]),
        ("CAT CA CA125 aCA", "CA", [4, 7]),
        ("5 15 50 5mg", "5", [0, 8]),
        ("IL-6과 IL-65", "IL-6", [0]),
        ("HbA1c는 HbA1c", "HbA1c", [0, 7]),
        ("癌患者は癌だ", "癌", [0, 4]),
        ("โรคมะเร็ง มะเร็ง", "มะเร็ง", [3, 10]),
    ],
)
def test_neighbours_decide_by_script(text: str, string: str, expected: list[int]) -> None:
    assert [start for _, start in marked(text, {"L": [string]})] == expected


@pytest.mark.parametrize(
    ("text", "gold", "expected"),
    [
        ("암로디핀을 투여", {"Disease": ["암"]}, [("암", 0)]),
        ("급성 백혈병 환자", {"D": ["급성 백혈병", "백혈병"]}, [("급성 백혈병", 0), ("백혈병", 3)]),
        ("CAT", {"L": ["CA"]}, [("CA", 0)]),
        # Of two that are joined to a word, the head of a compound says less than its beginning.
        ("이씨는 지난 임원이 만든", {"PS": ["이"]}, [("이", 0)]),
        (
            "급성 백혈병과 백혈병환자",
            {"D": ["급성 백혈병", "백혈병"]},
            [("급성 백혈병", 0), ("백혈병", 8)],
        ),
    ],
)
def test_what_stands_nowhere_on_its_own_is_marked_where_it_stands_best(
    text: str, gold: Gold, expected: list[tuple[str, int]]
) -> None:
    assert marked(text, gold) == expected


def test_longer_gold_of_any_label_and_of_known_offsets_counts() -> None:
    text = "유방 암센터와 암"
    place = Mention(0, 6, "Place", "유방 암센터")
    assert marked(text, {"D": ["암"], "P": ["유방 암센터"]}) == [("유방 암센터", 0), ("암", 8)]
    found = locate("위 암과 암", {"D": ["암"]}, placed=[Mention(0, 3, "D", "위 암")])
    assert [one.start for one in found.mentions] == [5]
    assert [one.start for one in locate(text, {"D": ["암"]}, placed=[place]).mentions] == [8]


def test_what_is_passed_over_is_listed_with_what_it_lies_inside_of() -> None:
    found = locate("암 환자의 암로디핀과 암시", {"Disease": ["암"], "Drug": ["암로디핀"]})
    assert found.passed == (
        PassedOver("Disease", "암", 6, 7, "암로디핀", gold=True),
        PassedOver("Disease", "암", 12, 13, "암시", gold=False),
    )


def test_all_marks_every_occurrence_and_first_the_first_that_stands_alone() -> None:
    text = "간암 환자의 암과 암"
    assert [start for _, start in marked(text, {"D": ["암"]}, "all")] == [1, 7, 10]
    assert [start for _, start in marked(text, {"D": ["암"]}, "standalone")] == [7, 10]
    assert [start for _, start in marked(text, {"D": ["암"]}, "first")] == [7]


def test_a_string_with_other_white_space_is_chosen_by_the_same_rule() -> None:
    assert marked("항암 제와 암 제", {"D": ["암제"]}) == [("암 제", 6)]


def test_offsets_are_of_the_text_as_it_is_written_also_where_it_is_decomposed() -> None:
    text = "\u110b\u1161\u11b7\u1109\u1175\u1105\u1173\u11af \u110b\u1161\u11b7"  # 암시를 암
    (one,) = locate(text, {"D": ["암"]}).mentions
    assert (one.start, one.end) == (9, 12)


@given(
    st.text("암간시 은로CAT5", max_size=14),
    st.lists(st.text("암간시은CA5", min_size=1, max_size=3), max_size=3),
)
def test_no_string_that_stands_in_the_text_is_lost_and_none_is_added(
    text: str, strings: list[str]
) -> None:
    everything = locate(text, {"L": strings}, "all")
    chosen = locate(text, {"L": strings})
    assert set(chosen.mentions) <= set(everything.mentions)
    assert {one.text for one in chosen.mentions} == {one.text for one in everything.mentions}
    assert chosen.unlocated == everything.unlocated
    assert not everything.passed
    passed = {Mention(one.start, one.end, one.label, one.text) for one in chosen.passed}
    assert passed | set(chosen.mentions) == set(everything.mentions)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), max_size=8), st.data())
def test_longer_gold_is_found_as_by_looking_at_each(
    drawn: list[tuple[int, int]], data: st.DataObject
) -> None:
    spans = [(start, start + length) for start, length in drawn] or [(0, 1)]
    asked = data.draw(st.sampled_from(spans))
    expected = [s for s in spans if s[0] <= asked[0] and asked[1] <= s[1] and s != asked]
    found = Longer(spans).around(asked)
    assert (found in expected) if expected else found is None
