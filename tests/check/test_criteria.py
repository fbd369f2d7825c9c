from __future__ import annotations

from pathlib import Path

import pytest

from encswap.check.catalogue import CODES
from encswap.check.criteria import SHIPPED, judge, load_criteria, measured
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
        ("must_pass: [layers]\ntraining_examples: {fresh_heads: -3}", "fresh_heads should be 0 or"),
        ("must_pass: [layers]\ntraining_examples: {fresh_heads: true}", "whole number, got True"),
        (
            "must_pass: [layers]\ntraining_examples: 3",
            "training_examples should be a mapping, got 3",
        ),
        ("must_pass: [{because: x}]", "must_pass.0.code is missing"),
        ("must_pass: [{code: layers, otherwise: files}]", "unknown key 'otherwise'; keys: code,"),
        ("must_pass: [layers, 3]", "must_pass.1 should be a mapping, got 3"),
        (
            "must_pass: [layers]\nmeasured: [{code: layers, status: good}]",
            "measured.0.status should",
        ),
        ("must_pass: [layers]\nmention: [layer]", "mention.0: unknown code 'layer'; did you mean"),
        ("must_pass: [layers]\ntitle: [a]", "title should be a text, got a list"),
        ("title: mine", "must_pass is missing"),
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


def test_a_key_without_a_value_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("must_pass: [layers]\nname:\nmention:\nrank: []\nwords: [1]\n", "utf-8")
    criteria = load_criteria(str(path))
    assert (criteria.name, criteria.mention, criteria.rank) == ("mine", (), ("parameters",))
    assert criteria.words == ("1",)


def test_what_was_measured_is_shown_where_the_finding_has_its_status(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    entries = "[{code: layers, status: fail, found: it learnt all the same}, {code: similarity}]"
    path.write_text(f"must_pass: [layers]\nmeasured: {entries}", encoding="utf-8")
    criteria = load_criteria(str(path))
    alike = Finding("similarity", "pass", "weights", "linear CKA 0.2")
    failed = Finding("layers", "fail", "config", "6")
    messages = [reason.message for reason in measured([failed, alike], criteria)]
    assert messages == ["it learnt all the same", "linear CKA 0.2"]
    assert measured([Finding("layers", "pass", "config", "12")], criteria) == []


def test_every_required_code_is_in_the_catalogue() -> None:
    for path in SHIPPED.glob("*.yaml"):
        criteria = load_criteria(path.stem)
        assert {*criteria.must_not_fail, *criteria.mention} <= set(CODES)
