from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encswap.data.locate import Repair, canonical, locate, same_text
from encswap.types import Unlocated

NFD = unicodedata.normalize("NFD", "당뇨병성 신증과 당뇨병")


def found(text: str, *strings: str) -> list[str]:
    return [text[one.start : one.end] for one in locate(text, {"L": strings}).mentions]


@pytest.mark.parametrize(
    ("text", "strings", "expected"),
    [
        ("당뇨병은 당뇨병이다", ["당뇨병"], ["당뇨병", "당뇨병"]),
        ("당뇨병성 신증과 당뇨병", ["당뇨병"], ["당뇨병"]),
        ("당뇨병성 신증", ["당뇨병성 신증", "신증"], ["당뇨병성 신증", "신증"]),
        ("CAT CA", ["CA"], ["CA"]),
        ("CAT", ["CA"], ["CA"]),
        ("5mg 15", ["5"], ["5"]),
        ("HbA1c는", ["HbA1c"], ["HbA1c"]),
        ("가 나", [" 나 "], ["나"]),
        ("메트 포르민", ["메트포르민"], ["메트 포르민"]),
        ("제2형당뇨병", ["제2형 당뇨병"], ["제2형당뇨병"]),
        ("a\r\nb", ["a b"], ["a\r\nb"]),
        ("아아아", ["아아"], ["아아"]),
        ("가", [""], []),
    ],
)
def test_gold_strings_are_found(text: str, strings: list[str], expected: list[str]) -> None:
    assert found(text, *strings) == expected


def test_composed_gold_is_found_in_a_decomposed_text() -> None:
    spans = locate(NFD, {"L": ["당뇨병", "신증"]}).mentions
    composed = [unicodedata.normalize("NFC", NFD[one.start : one.end]) for one in spans]
    assert composed == ["신증", "당뇨병"]


def test_decomposed_gold_is_found_in_a_composed_text() -> None:
    assert found("당뇨병", unicodedata.normalize("NFD", "당뇨병")) == ["당뇨병"]


def test_a_repair_tells_what_stands_in_the_text() -> None:
    result = locate("메트\n포르민", {"L": ["메트포르민", "암"]})
    assert result.repairs == (Repair("L", "메트포르민", "메트\n포르민"),)
    assert result.unlocated == (Unlocated("L", "암"),)


@given(st.text(max_size=40))
def test_composing_keeps_a_way_back(text: str) -> None:
    composed = canonical(text)
    assert composed.text == unicodedata.normalize("NFC", text)
    assert composed.span(0, len(composed.text)) == (0, len(text))


@given(st.text(st.sampled_from("가각ㄱ\u1100\u1161\u11a8a\u0301 \n"), max_size=12), st.data())
def test_what_is_found_is_the_gold(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    gold = text[start : data.draw(st.integers(start, len(text)))]
    result = locate(text, {"L": [gold]})
    for one in result.mentions:
        assert one.text == text[one.start : one.end]
        assert same_text("".join(one.text.split()), "".join(gold.split()))
