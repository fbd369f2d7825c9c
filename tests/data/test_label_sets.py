"""Labels of several files compared, label sets of documents, and ids that repeat."""

from __future__ import annotations

import pytest

from encswap.data.label_sets import (
    compare_labels,
    count_labels,
    labels_alike,
    not_named,
    not_named_line,
    refuse_apart,
    repeated_ids,
    repeated_line,
    shared_ids,
    with_file_labels,
)
from encswap.errors import InputError
from encswap.types import Example, Mention, Unlocated


def document(*labels: str, name: str = "1", annotated: tuple[str, ...] | None = None) -> Example:
    mentions = tuple(Mention(n, n + 1, label, "x") for n, label in enumerate(labels))
    return Example(name, "x" * 9, mentions, labels=labels, annotated=annotated)


@pytest.mark.parametrize(
    ("one", "other", "by"),
    [
        ("Disease", "disease", "case"),
        ("Adverse Event", "Adverse_Event", "spacing"),
        ("Adverse Event", "AdverseEvent", "spacing"),
        ("Adverse Event", "adverse-event", "case and spacing"),
        ("질병", "\u1107\u116f\u11bc", None),
        ("Ａ", "A", "Unicode form"),
        ("Disease", "Drug", None),
    ],
)
def test_labels_that_a_person_takes_for_one_are_found(one: str, other: str, by: str | None) -> None:
    assert [pair.by for pair in labels_alike([one, other])] == ([by] if by else [])


def test_what_only_one_side_has_is_told_with_names_and_counts() -> None:
    train = count_labels([document("Disease", "Disease", "Drug")])
    test = count_labels(
        [document("Disease", "Gene"), Example("2", "x", (), (Unlocated("Gene", "g"),))]
    )
    assert compare_labels({"train": train, "test": test}) == [
        "labels that only train has: Drug (1)",
        "labels that only test has: Gene (2)",
    ]
    assert compare_labels({"train": train, "test": train}) == []


def test_labels_that_differ_by_case_are_told_with_where_they_stand() -> None:
    lines = compare_labels({"train": {"Disease": 5, "Drug": 2}, "test": {"disease": 3, "Drug": 1}})
    assert lines[0] == (
        "labels 'Disease' (train: 5) and 'disease' (test: 3) differ only by case: "
        "they are taken as two"
    )


def test_parts_that_share_no_label_are_refused() -> None:
    with pytest.raises(InputError, match=r"train has A \(1\); test has B \(2\)"):
        refuse_apart({"A": 1, "B": 0}, {"B": 2}, "test")
    with pytest.raises(InputError, match="differ by case") as error:
        refuse_apart({"Disease": 1}, {"disease": 2}, "test", where="t.jsonl")
    assert "write them alike" in error.value.hint
    refuse_apart({"A": 1}, {"A": 1, "B": 1}, "test")


def test_labels_that_documents_do_not_name_are_counted() -> None:
    documents = [document("Disease")] * 3 + [document("Drug")]
    assert not_named(documents) == (4, {"Disease": 1, "Drug": 3})
    assert not_named_line(documents).startswith(
        "1 of 4 documents do not name Disease; 3 not Drug: they are trained as holding none"
    )


def test_a_document_that_names_its_label_set_is_not_counted() -> None:
    documents = [document("A", annotated=("A",)), document("B", "A")]
    assert not_named(documents) == (1, {})
    assert not_named_line(documents) == ""


def test_formats_that_name_no_labels_are_not_counted() -> None:
    plain = Example("1", "x", (Mention(0, 1, "A", "x"),))
    assert not_named([plain, Example("2", "x")]) == (0, {})


def test_a_file_gives_its_labels_to_documents_that_name_none() -> None:
    found = with_file_labels([document("A"), document("B"), document("C", annotated=("C",))])
    assert [one.annotated for one in found] == [("A", "B", "C"), ("A", "B", "C"), ("C",)]


def test_ids_that_repeat_and_ids_that_are_shared_are_listed() -> None:
    documents = [document("A", name=name) for name in "aabbbc"]
    assert repeated_ids(documents) == {"b": 3, "a": 2}
    assert repeated_line(repeated_ids(documents)).startswith(
        "2 ids repeat, 5 documents in all ('b' 3 times)"
    )
    assert repeated_line({}) == ""
    assert shared_ids(documents, [document("A", name="c"), document("A", name="a")]) == ["a", "c"]


def test_ids_that_a_reader_made_of_file_and_line_are_no_ids() -> None:
    made = Example("train:3", "x", (), labels=("A",), line=3)
    assert shared_ids([made], [made]) == []
    assert repeated_ids([made, made]) == {}
