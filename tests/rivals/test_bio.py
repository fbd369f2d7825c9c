"""BIO over pieces: gold to tags and back, to the very characters."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encswap.rivals.bio import (
    count_expressed,
    cut_subtokens,
    cut_words,
    expressed_by,
    spans_of,
    special_ids,
    tags_of,
    without_overlaps,
)
from encswap.types import Example, Mention

TEXT = "당뇨병 환자에게 인슐린을 투여한다."


def mention(text: str, part: str, label: str) -> Mention:
    start = text.index(part)
    return Mention(start, start + len(part), label, part)


def spans(found):
    return [(one.start, one.end, one.label) for one in found]


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(1, 5), st.sampled_from("ABC"))))
def test_what_does_not_overlap_comes_back_from_its_tags(drawn):
    """A place per character: then tags express all that does not overlap."""
    text = "x" * 25
    gold = {Mention(s, s + n, label, text[s : s + n]) for s, n, label in drawn}
    kept = without_overlaps(gold)
    places = [(n, n + 1) for n in range(len(text))]
    assert spans(spans_of(places, tags_of(places, kept))) == spans(kept)
    for one in gold:
        crossing = [k for k in kept if k.start < one.end and one.start < k.end]
        assert one in kept or any(k.end - k.start >= one.end - one.start for k in crossing)
    assert all(a.end <= b.start for a, b in itertools.pairwise(kept))


def test_of_mentions_that_overlap_the_longest_is_kept_then_the_first_then_by_label():
    text = "abcdefgh"
    long, inner = mention(text, "abcd", "X"), mention(text, "bc", "X")
    assert without_overlaps([inner, long]) == [long]
    first, second = mention(text, "ab", "X"), mention(text, "bc", "X")
    assert without_overlaps([second, first]) == [first]
    twice = [mention(text, "ef", "Drug"), mention(text, "ef", "Disease")]
    assert without_overlaps(twice) == [twice[1]]


@pytest.mark.parametrize(
    ("tags", "want"),
    [
        (["B-X", "I-X", "O"], [(0, 2, "X")]),
        (["B-X", "B-X", "I-X"], [(0, 1, "X"), (1, 3, "X")]),
        (["I-X", "I-X", "O"], [(0, 2, "X")]),
        (["B-X", "I-Y", "I-Y"], [(0, 1, "X"), (1, 3, "Y")]),
        (["B-X", "O", "I-X"], [(0, 1, "X"), (2, 3, "X")]),
        (["O", "O", "O"], []),
        (["B-a-b", "I-a-b", "B-a"], [(0, 2, "a-b"), (2, 3, "a")]),
    ],
)
def test_tags_are_read_as_conlleval_reads_them(tags, want):
    assert spans(spans_of([(0, 1), (1, 2), (2, 3)], tags)) == want


def test_a_span_s_score_is_that_of_its_least_certain_tag():
    (one,) = spans_of([(0, 1), (1, 2)], ["B-X", "I-X"], [0.9, 0.6])
    assert one.score == 0.6


def with_specials(tokenizer):
    """The tokenizer with the special tokens that a published one puts around a text."""
    from tokenizers.processors import TemplateProcessing

    names = [tokenizer.cls_token or tokenizer.bos_token, tokenizer.sep_token or tokenizer.eos_token]
    first, last = ((name, tokenizer.convert_tokens_to_ids(name)) for name in names)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=[first[0], "$A", last[0]], special_tokens=[first, last]
    )
    return tokenizer, ((first[1],), (last[1],))


@pytest.mark.parametrize("specials", [True, False])
@pytest.mark.parametrize("name", ["koelectra", "ko-deberta", "klue-roberta", "xlm-r", "mdeberta"])
def test_pieces_stand_where_their_characters_stand(load_mini, name, specials):
    tokenizer, around = load_mini(name).tokenizer, ((), ())
    if specials:
        tokenizer, around = with_specials(tokenizer)
    assert special_ids(tokenizer) == around
    pieces = cut_subtokens(tokenizer)(TEXT)
    assert len(pieces.ids) == len(pieces.places)
    if specials:
        assert (pieces.ids[:1], pieces.ids[-1:]) == around
        assert pieces.places[0] is None and pieces.places[-1] is None
    tagged = pieces.tagged
    assert all(TEXT[s:e].strip() == TEXT[s:e] and s < e for s, e in tagged)
    assert all(a[1] <= b[0] or a == b for a, b in itertools.pairwise(tagged))
    covered = {n for s, e in tagged for n in range(s, e)}
    assert covered == {n for n, char in enumerate(TEXT) if not char.isspace()}


@pytest.mark.parametrize("specials", [True, False])
@pytest.mark.parametrize("name", ["koelectra", "xlm-r"])
def test_words_have_one_tag_each_on_their_first_subtoken(load_mini, plugins, name, specials):
    tokenizer, (before, after) = load_mini(name).tokenizer, ((), ())
    if specials:
        tokenizer, (before, after) = with_specials(tokenizer)
    splitter = plugins.splitter("kiwi")
    pieces = cut_words(tokenizer, splitter)(TEXT)
    units = [(start, end) for _, start, end in splitter(TEXT)]
    assert pieces.tagged == units
    words = [tokenizer.tokenize(TEXT[start:end]) for start, end in units]
    ids = tokenizer.convert_tokens_to_ids([piece for word in words for piece in word])
    assert list(pieces.ids) == [*before, *ids, *after]
    firsts = [place is not None for place in pieces.places]
    assert firsts == [
        *[False] * len(before),
        *[not place for word in words for place in range(len(word))],
        *[False] * len(after),
    ]


def test_what_tags_cannot_express_is_counted_by_its_reason(load_mini, plugins):
    cut = cut_words(load_mini("koelectra").tokenizer, plugins.splitter("whitespace"))
    gold = [
        mention(TEXT, "당뇨병", "Disease"),
        mention(TEXT, "당뇨병 환자에게", "Person"),
        mention(TEXT, "인슐린", "Drug"),
    ]
    said = expressed_by(cut, Example("x", TEXT, tuple(gold)))
    assert said == ["overlapping", "aligned", "unaligned"]
    counted = count_expressed([said, said])
    assert counted.as_dict() == {"mentions": 6, "overlapping": 2, "misaligned": 2}
    assert counted.share == pytest.approx(1 / 3)
    assert count_expressed([]).share == 1.0
