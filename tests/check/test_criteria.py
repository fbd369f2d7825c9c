from __future__ import annotations

from pathlib import Path

import pytest

from encswap.check.catalogue import CODES
from encswap.check.criteria import SHIPPED, judge, load_criteria
from encswap.errors import InputError
from encswap.types import Finding


@pytest.mark.parametrize("name", [path.stem for path in SHIPPED.glob("*.yaml")])
def test_shipped_criteria_load_and_carry_their_name(name: str) -> None:
    assert load_criteria(name).name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("must_pass: [architektur]", "did you mean 'architecture'"),
        ("must_pass: []", "names no code"),
        ("must_pass: architecture", "should be a list"),
        ("[1, 2]", "is no criteria: not a mapping"),
        ("must_pass: [{code: layers, orr: x}]", "keys: code, because, or"),
        ("must_past: [layers]", "did you mean 'must_pass'"),
        ("must_pass: [layers]\nrank: [beauty]", "unknown figure"),
        ("must_pass: [layers]\ntraining_examples: {fresh_heads: many}", "whole number"),
        ("must_pass: {", "cannot be read as YAML"),
        ("{" * 5000, "cannot be read as YAML"),
    ],
)
def test_a_wrong_file_ends_in_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_criteria(str(path))
    line = str(caught.value)
    assert said in line and str(path) in line and "\n" not in line


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(InputError, match="plan, shape"):
        load_criteria("plann")


def test_what_could_not_be_judged_makes_the_verdict_unknown(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("must_pass: [layers]", encoding="utf-8")
    criteria = load_criteria(str(path))
    skipped = Finding("layers", "skip", "facts", "not known")
    assert judge([skipped], criteria)[0] == "unknown"
    assert judge([], criteria)[0] == "unknown"
    assert judge([Finding("layers", "pass", "facts", "12")], criteria)[0] == "selected"
    failed = Finding("layers", "fail", "config", "6")
    assert judge([skipped, failed], criteria)[0] == "rejected"


def test_every_required_code_is_in_the_catalogue() -> None:
    for path in SHIPPED.glob("*.yaml"):
        criteria = load_criteria(path.stem)
        assert {*criteria.must_not_fail, *criteria.mention} <= set(CODES)
