from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encswap.data.units import gliner_text
from encswap.data.windows import Window, cut, merge, sentence_ends
from encswap.errors import InputError
from encswap.types import Example, Mention, Prediction, Unlocated


def words(text: str, lower: bool = True) -> Iterator[tuple[str, int, int]]:
    for found in re.finditer(r"\w+|[^\w\s]", text):
        token = found.group()
        yield (token.lower() if lower else token), *found.span()


def letters(unit: str) -> int:
    return 1 + len(unit) // 3


def cost(text: str) -> int:
    return sum(letters(token) for token, _, _ in words(gliner_text(text)))


def example(text: str, *mentions: tuple[int, int]) -> Example:
    return Example(
        "doc", text, tuple(Mention(a, b, "L", text[a:b]) for a, b in sorted(set(mentions)))
    )


@st.composite
def documents(draw: st.DrawFn) -> Example:
    text = draw(st.text(st.sampled_from("가나ab1 .!\n,"), max_size=120))
    places = [found.span() for found in re.finditer(r"\S+", text)]
    mentions = []
    if places:
        for _ in range(draw(st.integers(0, 6))):
            first = draw(st.integers(0, len(places) - 1))
            last = draw(st.integers(first, min(first + 3, len(places) - 1)))
            mentions.append((places[first][0], places[last][1]))
    return example(text, *mentions)


@given(documents(), st.integers(2, 40))
def test_every_window_keeps_within_the_budget(document: Example, budget: int) -> None:
    for window in cut(document, splitter=words, count=letters, budget=budget):
        assert cost(window.example.text) <= budget


@given(documents(), st.integers(2, 40))
def test_no_character_but_white_space_is_outside_all_windows(
    document: Example, budget: int
) -> None:
    windows = cut(document, splitter=words, count=letters, budget=budget)
    covered = {place for one in windows for place in range(one.offset, one.end)}
    rest = [char for place, char in enumerate(document.text) if place not in covered]
    assert not "".join(rest).strip()
    for one in windows:
        assert document.text[one.offset : one.end] == one.example.text


@given(documents(), st.integers(2, 40))
def test_a_mention_is_lost_only_if_it_is_wider_than_a_window(
    document: Example, budget: int
) -> None:
    windows = cut(document, splitter=words, count=letters, budget=budget)
    kept = {
        (one.offset + gold.start, one.offset + gold.end)
        for one in windows
        for gold in one.example.mentions
    }
    for mention in document.mentions:
        if (mention.start, mention.end) not in kept:
            assert cost(mention.text) > budget


@given(documents(), st.integers(2, 40))
def test_the_mentions_of_a_window_stand_in_its_text(document: Example, budget: int) -> None:
    for window in cut(document, splitter=words, count=letters, budget=budget):
        for gold in window.example.mentions:
            assert window.example.text[gold.start : gold.end] == gold.text


def local_model(text: str) -> list[Prediction]:
    """Decide on each run of at most three words by its characters alone."""
    units = [(start, end) for _, start, end in words(text)]
    spans = [
        (first[0], last[1])
        for at, first in enumerate(units)
        for last in units[at : at + 3]
        if text[first[0] : last[1]].count("가") == 2
    ]
    return [Prediction(start, end, "L", 1 / (end - start)) for start, end in spans]


@given(documents(), st.integers(12, 60))
def test_a_local_model_finds_the_same_whatever_the_window(document: Example, budget: int) -> None:
    bare = Example("doc", document.text.replace(".", ",").replace("!", ",").replace("\n", " "))
    whole = set(local_model(bare.text))
    windows = cut(bare, splitter=words, count=lambda _: 1, budget=budget, overlap=4)
    found = merge(windows, [local_model(window.example.text) for window in windows])
    assert set(found["doc"]) == whole


def test_windows_end_at_sentence_ends_and_do_not_overlap() -> None:
    text = "하나 둘 셋. 넷 다섯 여섯. 일곱 여덟."
    windows = cut(example(text), splitter=words, count=lambda _: 1, budget=8)
    assert [one.example.text for one in windows] == ["하나 둘 셋. 넷 다섯 여섯.", "일곱 여덟."]
    assert [one.offset for one in windows] == [0, 17]


def test_a_sentence_end_inside_a_mention_is_not_cut() -> None:
    text = "a b c. d e f. g"
    windows = cut(example(text, (4, 8)), splitter=words, count=lambda _: 1, budget=6)
    assert any("c. d" in one.example.text for one in windows)


def test_a_long_sentence_is_cut_with_an_overlap() -> None:
    text = " ".join(f"w{i}" for i in range(40))
    windows = cut(example(text), splitter=words, count=lambda _: 1, budget=11, overlap=3)
    starts = [one.offset for one in windows]
    assert starts == sorted(set(starts))
    assert all(one.offset < before.end for before, one in pairwise(windows))


def test_a_document_that_fits_is_its_own_window() -> None:
    document = example("가 나", (0, 1))
    assert cut(document, splitter=words, count=letters, budget=9) == [Window(document, "doc", 0)]


def test_unlocated_gold_is_in_one_window_and_labels_are_in_all() -> None:
    document = Example("doc", "a. b. c.", (), (Unlocated("L", "z"),))
    windows = cut(document, splitter=words, count=lambda _: 1, budget=2)
    assert [len(one.example.unlocated) for one in windows] == [1, 0, 0]
    assert {one.example.labels for one in windows} == {("L",)}


def test_a_unit_longer_than_a_window_is_cut_inside() -> None:
    windows = cut(example("가" * 100), splitter=words, count=letters, budget=5)
    assert "".join(one.example.text for one in windows).count("가") >= 100
    assert all(cost(one.example.text) <= 5 for one in windows)


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="0 subtokens"):
        cut(example("가"), splitter=words, count=letters, budget=0)


def test_the_higher_score_of_the_same_span_stays() -> None:
    document = example("a b c d e")
    windows = [
        Window(example("a b c"), document.id, 0),
        Window(example("b c d e"), document.id, 2),
    ]
    first = [Prediction(2, 3, "L", 0.4), Prediction(4, 5, "L", 0.9)]
    second = [Prediction(2, 3, "L", 0.6), Prediction(0, 1, "L", 0.9)]
    assert merge(windows, [first, second]) == {
        "doc": [Prediction(2, 3, "L", 0.4), Prediction(4, 5, "L", 0.6)]
    }


def test_a_document_without_predictions_is_kept() -> None:
    assert merge([Window(example("a"), "doc", 0)], [[]]) == {"doc": []}


def test_the_appended_full_stop_is_no_part_of_a_prediction() -> None:
    window = Window(example("ab"), "doc", 5)
    found = merge([window], [[Prediction(0, 3, "L", 0.5), Prediction(2, 3, "L", 0.5)]])
    assert found == {"doc": [Prediction(5, 7, "L", 0.5)]}


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("그렇다. 3.5mg이다! 왜?", [4, 13, 16]),
        ("하나\n\n둘", [4, 5]),
        ("말했다.” 그리고", [5, 9]),
        ("今日は。明日は。", [4, 8]),
        ("끝 없음", [4]),
        ("", [0]),
    ],
)
def test_sentences_end_at_marks_and_line_breaks(text: str, ends: list[int]) -> None:
    assert sentence_ends(text) == ends


def test_a_splitter_that_knows_sentences_is_asked() -> None:
    class Knowing:
        def __call__(self, text: str, lower: bool = True) -> Iterator[tuple[str, int, int]]:
            return words(text, lower)

        def sentences(self, text: str) -> list[tuple[int, int]]:
            return [(0, 2), (2, len(text))]

    assert sentence_ends("가나다라", Knowing()) == [2, 4]
