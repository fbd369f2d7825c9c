import pytest

from encswap.data.gold import CLEANED, TRIMMED, RawSpan, clean_label, gold_string, mentions_at
from encswap.data.notes import Notes
from encswap.errors import InputError
from encswap.types import Mention

PADS = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\ufeff", " \u200b\n"]


@pytest.mark.parametrize("before", ["", *PADS])
@pytest.mark.parametrize("after", ["", *PADS])
def test_white_space_at_the_ends_of_gold_is_no_part_of_a_mention(before: str, after: str) -> None:
    text = f"a{before}암{after}b"
    notes = Notes()
    span = RawSpan(1, len(text) - 1, "Disease", "f:1")
    start = 1 + len(before)
    assert mentions_at(text, [span], notes) == (Mention(start, start + 1, "Disease", "암"),)
    assert notes.count(TRIMMED) == bool(before or after)


def test_what_was_trimmed_is_noted_with_its_place() -> None:
    notes = Notes()
    mentions_at("서울 중부", [RawSpan(2, 5, "OG", "f.tsv:3")], notes)
    (note,) = notes
    assert (note.kind, note.count, note.places) == (TRIMMED, 1, ("f.tsv:3",))


def test_white_space_inside_a_mention_stays() -> None:
    notes = Notes()
    assert mentions_at("급성 백혈병", [RawSpan(0, 6, "D", "f:1")], notes)[0].text == "급성 백혈병"
    assert notes.count(TRIMMED) == 0


@pytest.mark.parametrize("blank", PADS)
def test_gold_that_is_only_white_space_is_refused_with_its_place(blank: str) -> None:
    with pytest.raises(InputError, match=r"f\.tsv:4.*'OG' is only white space"):
        mentions_at(f"a{blank}b", [RawSpan(1, 1 + len(blank), "OG", "f.tsv:4")], Notes())
    with pytest.raises(InputError, match="only white space"):
        gold_string(blank, "OG", "f:1", Notes())


def test_an_empty_gold_string_is_refused() -> None:
    with pytest.raises(InputError, match=r"f:1.*is empty"):
        gold_string("", "OG", "f:1", Notes())


def test_spans_that_differ_only_by_white_space_are_one_mention() -> None:
    spans = [RawSpan(0, 2, "D", "f:1"), RawSpan(0, 1, "D", "f:1")]
    assert mentions_at("암 ", spans, Notes()) == (Mention(0, 1, "D", "암"),)


def test_a_gold_string_is_trimmed_and_counted() -> None:
    notes = Notes()
    assert gold_string("\u00a0암\n", "D", "f:1", notes) == "암"
    assert gold_string("암", "D", "f:2", notes) == "암"
    assert notes.count(TRIMMED) == 1


@pytest.mark.parametrize("written", ["Disease ", " Disease", "\u00a0Disease", "Disease\u200b"])
def test_white_space_around_a_label_is_no_part_of_it(written: str) -> None:
    notes = Notes()
    assert clean_label(written, "f:1", notes) == "Disease"
    (note,) = notes
    assert (note.kind, note.count) == (CLEANED, 1)
    assert f"{written!r} is read as 'Disease'" in note.what


def test_a_decomposed_label_is_composed() -> None:
    notes = Notes()
    assert clean_label("\u110c\u1175\u11af\u1107\u1167\u11bc", "f:1", notes) == "질병"
    assert notes.count(CLEANED) == 1


def test_a_clean_label_is_left_and_not_counted() -> None:
    notes = Notes()
    assert clean_label("질병", "f:1", notes) == "질병"
    assert notes.count(CLEANED) == 0


@pytest.mark.parametrize("label", ["", " ", "\u200b"])
def test_an_empty_label_is_refused_with_its_place(label: str) -> None:
    with pytest.raises(InputError, match=r"f:7.*label is empty"):
        mentions_at("암", [RawSpan(0, 1, label, "f:7")], Notes())
