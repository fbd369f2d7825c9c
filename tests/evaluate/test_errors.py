"""Every gold mention and every prediction gets one kind; planted errors are told without a slip."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encswap.data.locate import is_ending
from encswap.evaluate.error_analysis import (
    KINDS,
    classify,
    confusion,
    expressible,
    tally,
    tally_details,
)
from encswap.types import Example, Mention, Prediction, Unlocated

TEXT = "제2형 당뇨병은 인슐린을 투여하고 당화혈색소를 검사한다. 고혈압에서는 위내시경 아스피린"


def at(text: str, label: str) -> Mention:
    start = TEXT.index(text)
    return Mention(start, start + len(text), label, text)


def found(text: str, label: str, score: float = 0.9) -> Prediction:
    start = TEXT.index(text)
    return Prediction(start, start + len(text), label, score)


PLANTED = [
    ("당뇨병", "Disease", "당뇨병", "Disease", "exact", ""),
    ("당뇨병", "Disease", "당뇨병은", "Disease", "boundary", "particle-attached"),
    ("고혈압", "Disease", "고혈압에서는", "Disease", "boundary", "particle-attached"),
    ("인슐린을", "Drug", "인슐린", "Drug", "boundary", "particle-cut"),
    ("제2형 당뇨병", "Disease", "당뇨병", "Disease", "boundary", "left"),
    ("당화혈색소", "Biomarker", "당화혈색", "Biomarker", "boundary", "right"),
    ("당화혈색소", "Biomarker", "당화혈색소를 검사", "Biomarker", "boundary", "right"),
    ("2형 당뇨", "Disease", "제2형 당뇨병", "Disease", "boundary", "both-ends"),
    ("위내시경", "Procedure", "위내시경", "Drug", "label", ""),
    ("인슐린", "Drug", "인슐린을", "Disease", "boundary-and-label", "particle-attached"),
    ("제2형 당뇨병", "Disease", "당뇨병", "Drug", "boundary-and-label", "left"),
]


@pytest.mark.parametrize(("gold", "label", "predicted", "said", "kind", "detail"), PLANTED)
def test_a_planted_pair_is_told(gold, label, predicted, said, kind, detail):
    example = Example("1", TEXT, (at(gold, label),))
    (case,) = classify(example, [found(predicted, said)])
    assert (case.kind, case.detail, case.label) == (kind, detail, label)


@pytest.mark.parametrize(
    ("candidates", "expressed", "reason"),
    [
        ([], "unaligned", "unaligned"),
        ([], "too-wide", "too-wide"),
        ([found("당뇨병", "Disease", 0.3)], "aligned", "below-threshold"),
        ([found("당뇨병", "Disease", 0.7)], "aligned", "overlapped"),
        ([found("당뇨병", "Drug", 0.3)], "aligned", "never-proposed"),
        ([], "aligned", "never-proposed"),
    ],
)
def test_missed_gold_says_why(candidates, expressed, reason):
    example = Example("1", TEXT, (at("당뇨병", "Disease"),))
    (case,) = classify(example, [], candidates, threshold=0.5, expressed=[expressed])
    assert (case.kind, case.detail) == ("missed", reason)


def test_gold_that_is_not_in_the_text_is_missed_as_unlocated():
    example = Example("1", TEXT, (), (Unlocated("Drug", "메트포르민"),))
    (case,) = classify(example, [])
    assert (case.kind, case.detail, case.label) == ("missed", "unlocated", "Drug")


def test_a_document_of_planted_errors_is_classified_without_one_mistake():
    gold = ("당뇨병", "Disease"), ("인슐린", "Drug"), ("당화혈색소", "Biomarker")
    gold += ("고혈압", "Disease"), ("위내시경", "Procedure")
    example = Example("1", TEXT, tuple(at(*one) for one in gold), (Unlocated("Drug", "없음"),))
    predictions = [
        found("당뇨병", "Disease"),
        found("인슐린을", "Drug"),
        found("당화혈색소", "Drug"),
        found("고혈압에서는", "Drug"),
        found("아스피린", "Drug"),
    ]
    cases = classify(example, predictions, expressed=["aligned"] * 5)
    assert {kind: dict(counts) for kind, counts in tally(cases).items()} == {
        "exact": {"Disease": 1},
        "boundary": {"Drug": 1},
        "label": {"Biomarker": 1},
        "boundary-and-label": {"Disease": 1},
        "missed": {"Procedure": 1, "Drug": 1},
        "spurious": {"Drug": 1},
    }
    assert told(cases, "boundary") == {"particle-attached": {"Drug": 1}}
    assert told(cases, "boundary-and-label") == {"particle-attached": {"Disease": 1}}
    assert told(cases, "missed") == {"unlocated": {"Drug": 1}, "never-proposed": {"Procedure": 1}}
    assert told(cases, "exact") == {}
    assert confusion(cases) == {
        ("Disease", "Disease"): 1,
        ("Drug", "Drug"): 1,
        ("Biomarker", "Drug"): 1,
        ("Disease", "Drug"): 1,
        ("Procedure", None): 1,
        ("Drug", None): 1,
        (None, "Drug"): 1,
    }


def told(cases, kind):
    return {name: dict(n) for name, n in tally_details(cases, kind).items() if n}


def test_an_exact_pair_is_never_broken_for_an_overlap():
    example = Example("1", TEXT, (at("제2형 당뇨병", "Disease"), at("당뇨병", "Disease")))
    cases = classify(example, [found("당뇨병", "Disease")])
    assert [(case.kind, case.gold.text) for case in cases] == [
        ("exact", "당뇨병"),
        ("missed", "제2형 당뇨병"),
    ]


spans = st.tuples(
    st.integers(0, 20), st.integers(1, 6), st.sampled_from(["Disease", "Drug", "Biomarker"])
)


def span(one):
    return one.start, one.end, one.label


@settings(deadline=None)
@given(st.lists(spans, max_size=8, unique=True), st.lists(spans, max_size=8, unique=True))
def test_every_mention_and_prediction_stands_in_exactly_one_case(gold, predicted):
    mentions = tuple(Mention(s, s + n, label, TEXT[s : s + n]) for s, n, label in gold)
    predictions = [Prediction(s, s + n, label, 0.9) for s, n, label in predicted]
    cases = classify(Example("1", TEXT, mentions), predictions)
    assert sorted(c.gold for c in cases if c.gold) == sorted(mentions)
    assert sorted(span(c.predicted) for c in cases if c.predicted) == sorted(map(span, predictions))
    exact = set(map(span, mentions)) & set(map(span, predictions))
    assert tally(cases)["exact"].total() == len(exact)
    assert set(tally(cases)) == set(KINDS)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("은", True),
        ("에서는", True),
        ("으로부터", True),
        ("병", False),
        ("", False),
        (" 은", False),
    ],
)
def test_particles_are_told_from_other_characters(text, is_one):
    assert is_ending(text) is is_one


def test_units_say_what_they_can_express():
    units = [(0, 3), (4, 7), (7, 8), (9, 12), (12, 13)]
    gold = (at("당뇨병", "D"), at("당뇨병은", "D"), at("뇨병", "D"))
    example = Example("1", TEXT, gold)
    assert expressible(example, units, 1) == ["aligned", "too-wide", "unaligned"]
    assert expressible(example, units, None) == ["aligned", "aligned", "unaligned"]
