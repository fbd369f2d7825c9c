"""What others wrote reaches a terminal, JSON, Markdown and a spreadsheet without any power."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from encswap.escaping import (
    code_span,
    csv_cell,
    json_text,
    markdown,
    plain_json,
    printable,
    printable_lines,
)

HOSTILE = {
    "CSI": "\x1b[2J\x1b[31mred",
    "OSC 8 link": "\x1b]8;;http://evil\x1b\\x\x1b]8;;\x1b\\",
    "OSC 52 clipboard": "\x1b]52;c;aGk=\x07",
    "C1 CSI": "\x9b31m",
    "C1 OSC": "\x9d0;title\x9c",
    "carriage return": "good\rbad!",
    "backspace": "good\b\b\b\bevil",
    "bidi override": "\u202egpj.exe",
    "bidi isolate": "\u2066x\u2069",
    "zero width": "Dis\u200bease",
    "tag characters": "a\U000e0041b",
    "line separator": "a\u2028b",
    "half a character": "a\ud800b",
    "null": "a\x00b",
}


def is_safe(text: str) -> bool:
    return not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in text)


def test_the_list_of_characters_is_unicodes_own() -> None:
    unsafe = {c for c in map(chr, range(sys.maxunicode + 1)) if not is_safe(c)}
    spelled = {c for c in map(chr, range(sys.maxunicode + 1)) if printable(c) != c}
    assert unsafe <= spelled
    # Python's own Unicode is older than the list: later versions added these.
    assert {ord(c) for c in spelled - unsafe} <= {0x890, 0x891, 0x2065, *range(0x13430, 0x13440)}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_value_is_spelled_out(text: str) -> None:
    assert is_safe(printable(text)) and is_safe(printable_lines(text))
    assert is_safe(markdown(text)) and is_safe(code_span(text))


@pytest.mark.parametrize(
    "text", ["당뇨병 환자　A", "é", "😀", "ㄱ\u119e", "a\xa0b", "한\u1112\u1161\u11ab"]
)
def test_a_letter_stays_what_it_is(text: str) -> None:
    assert printable(text) == text


def test_a_line_break_in_a_value_forges_no_line() -> None:
    assert printable("one\nencswap: all is well") == "one\\nencswap: all is well"
    assert printable_lines("one\n\ttwo") == "one\n\ttwo"


@given(st.text(st.characters(exclude_categories=())))
def test_every_text_is_json_that_a_strict_reader_takes(text: str) -> None:
    written = json_text({"a": text})
    assert is_safe(written)
    assert json.loads(written)["a"] == "".join(
        "\ufffd" if unicodedata.category(char) == "Cs" else char for char in text
    )
    json.loads(written.encode("utf-8"))


def cyclic() -> dict[str, Any]:
    held: dict[str, Any] = {}
    held["self"] = [held]
    return held


def deep() -> list[Any]:
    held: list[Any] = []
    for _ in range(100_000):
        held = [held]
    return held


@pytest.mark.parametrize(
    ("value", "plain", "lost"),
    [
        (cyclic(), {"self": [None]}, ["a cycle"]),
        (float("nan"), None, ["a number not finite"]),
        ([float("inf")], [None], ["a number not finite"]),
        pytest.param(10**5000, "16610 bits", ["a huge number"], id="huge"),
        ({1, 2}, "<set>", ["set, which is no JSON"]),
        ({(1, 2): 3}, {"tuple": 3}, ["a key that is no text"]),
        ("\ud800", "\ufffd", ["half a character"]),
        ((1, 2.5, None, True, "x"), [1, 2.5, None, True, "x"], []),
        ({2: "a"}, {"2": "a"}, []),
    ],
)
def test_a_value_becomes_json_and_what_was_lost_is_named(
    value: Any, plain: Any, lost: list[str]
) -> None:
    losses: list[str] = []
    assert plain_json(value, losses=losses) == plain
    assert losses == lost
    assert json.loads(json_text(value)) == plain


def test_deep_and_huge_values_end() -> None:
    losses: list[str] = []
    json.loads(json_text(deep()))
    assert len(plain_json([0] * 10**6, most=5)) == 4
    assert plain_json({"a": "x" * 10**6}, most=10, losses=losses)["a"].endswith("…")
    assert losses == ["a text that is too long"]


@pytest.mark.parametrize("text", ["a|b", "`x`", "<script>", "[a](b)", "**a**", "a\n| b |"])
def test_a_value_in_a_markdown_table_stays_in_its_cell(text: str) -> None:
    import re

    cell = markdown(text)
    assert "\n" not in cell
    assert not re.search(r"(?<!\\)[|`*_<>\]]", cell)


@pytest.mark.parametrize("text", ["a`b", "``", "`", "a``b`", "x\n```\ny"])
def test_code_is_fenced_by_more_backticks_than_it_holds(text: str) -> None:
    written = code_span(text)
    fence = written[: len(written) - len(written.lstrip("`"))]
    assert written.endswith(fence) and "\n" not in written
    assert fence not in written[len(fence) : -len(fence)]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert csv_cell(text) == f"'{text}"
    assert csv_cell("1-2") == "1-2"


def test_yaml_of_a_hostile_value_reads_back_as_itself() -> None:
    value = {"license": "mit\n---\nevil: true", "name": "- x: [", "tag": "\x1b[31m"}
    assert yaml.safe_load(yaml.safe_dump(value, allow_unicode=True)) == value
