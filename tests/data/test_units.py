from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Iterator

import pytest

from encswap.data.units import (
    CachedSplitter,
    align,
    gliner_text,
    measure_coverage,
    suggest_max_width,
    units_of,
    units_of_all,
)
from encswap.types import Example, Mention, Unlocated


class Spaced:
    """Cut at white space and at full stops, and count how often."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str, lower: bool = True) -> Iterator[tuple[str, int, int]]:
        self.asked.append(text)
        for found in re.finditer(r"[^\s.]+|\.", text):
            token = found.group()
            yield (token.lower() if lower else token), *found.span()


class Batched(Spaced):
    def many(self, texts: Iterable[str]) -> Iterator[list[tuple[str, int, int]]]:
        for text in texts:
            self.asked.append("many")
            yield list(Spaced()(text, False))


@pytest.mark.parametrize(
    ("text", "seen"), [("", "."), ("a", "a."), ("a.", "a."), ("a!", "a!"), ("a ", "a .")]
)
def test_a_full_stop_is_appended_as_gliner2_does(text: str, seen: str) -> None:
    from gliner2.processor import SchemaTransformer

    assert gliner_text(text) == seen == SchemaTransformer._normalize_text(text)


def test_units_are_those_of_the_text_that_training_sees() -> None:
    assert units_of(Spaced(), "a b") == [(0, 1), (2, 3), (3, 4)]
    assert list(units_of_all(Batched(), ["a b", ""])) == [[(0, 1), (2, 3), (3, 4)], [(0, 1)]]


@pytest.mark.parametrize(
    ("start", "end", "text", "expected"),
    [
        (0, 2, "ab", (0, 0)),
        (0, 5, "ab cd", (0, 1)),
        (2, 6, " cd ", (1, 1)),
        (0, 1, "a", None),
        (1, 2, "b", None),
        (2, 3, " ", None),
        (3, 9, "zzzzzz", None),
    ],
)
def test_a_mention_is_aligned_when_it_begins_and_ends_with_a_unit(
    start: int, end: int, text: str, expected: tuple[int, int] | None
) -> None:
    assert align(Mention(start, end, "L", text), [0, 3], [2, 5]) == expected


def test_each_text_is_cut_once() -> None:
    splitter = Spaced()
    cached = CachedSplitter(splitter)
    first = list(cached("A b"))
    assert first == list(cached("A b")) == [("a", 0, 1), ("b", 2, 3)]
    assert list(cached("A b", False)) == [("A", 0, 1), ("b", 2, 3)]
    assert splitter.asked == ["A b"]


def test_the_memory_of_a_cache_can_be_bounded() -> None:
    splitter = Spaced()
    cached = CachedSplitter(splitter, limit=4)
    for text in ("aa", "bb", "aa", "cc", "aa", "bb"):
        list(cached(text))
    assert splitter.asked == ["aa", "bb", "cc", "bb"]


def test_a_cache_is_prepared_in_one_go() -> None:
    splitter = Batched()
    cached = CachedSplitter(splitter)
    cached.prepare(["a b", "c", "c"])
    assert units_of(cached, "a b") == [(0, 1), (2, 3), (3, 4)]
    assert splitter.asked == ["many", "many"]


def test_a_pickled_cache_takes_its_splitter_along() -> None:
    cached = pickle.loads(pickle.dumps(CachedSplitter(Spaced(), limit=9)))
    assert cached.limit == 9
    assert list(cached("a")) == [("a", 0, 1)]


def test_a_cache_offers_what_its_splitter_offers() -> None:
    assert CachedSplitter(Spaced()).asked == []
    with pytest.raises(AttributeError):
        _ = CachedSplitter(Spaced()).nothing


EXAMPLES = [
    Example("1", "ab cd ef", (Mention(0, 2, "X", "ab"), Mention(0, 5, "X", "ab cd"))),
    Example("2", "ab", (Mention(0, 1, "Y", "a"),), (Unlocated("Y", "z"),)),
]


def test_coverage_counts_every_mention() -> None:
    found = measure_coverage(EXAMPLES, Spaced())
    assert (found.examples, found.mentions, found.unlocated, found.aligned) == (2, 4, 1, 2)
    assert found.widths == {1: 1, 2: 1}
    assert found.within == {8: 2, 12: 2, 16: 2, 20: 2, 24: 2}
    assert found.aligned_share == 0.5
    assert found.share(1) == 0.25
    assert {label: (one.mentions, one.aligned) for label, one in found.by_label.items()} == {
        "X": (2, 2),
        "Y": (2, 0),
    }
    assert (found.units_mean, found.units_max) == (3.0, 4)


def test_coverage_of_nothing_is_zero() -> None:
    found = measure_coverage([], Spaced())
    assert (found.aligned_share, found.share(8), found.units_mean) == (0.0, 0.0, 0.0)
    assert suggest_max_width(found) == 8


@pytest.mark.parametrize(
    ("widths", "share", "expected"),
    [([1], 0.995, 1), ([1] * 199 + [9], 0.995, 1), ([1] * 198 + [9] * 2, 0.995, 9), ([40], 1, 24)],
)
def test_max_width_covers_nearly_all_aligned_mentions(
    widths: list[int], share: float, expected: int
) -> None:
    text = " ".join("a" * 60)
    mentions = (Mention(0, 2 * width - 1, "L", text[: 2 * width - 1]) for width in widths)
    examples = [Example(str(n), text, (one,)) for n, one in enumerate(mentions)]
    assert suggest_max_width(measure_coverage(examples, Spaced()), share) == expected
