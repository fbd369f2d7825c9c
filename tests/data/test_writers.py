from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encswap.data.convert import convert, write_examples
from encswap.data.gold import trimmed_span
from encswap.data.locate import locate
from encswap.data.readers import FORMATS, read_examples
from encswap.errors import InputError
from encswap.types import Example, Mention, Unlocated, labels_of

TEXT = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("가나 ab\n\t.-#\\|="), max_size=30
)
LABEL = st.sampled_from(["Disease", "약물", "B-x", "O"])
FILES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@st.composite
def examples(draw: st.DrawFn, nested: bool = True) -> Example:
    text = draw(TEXT.filter(str.strip))
    mentions = set()
    end = 0
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0 if nested else end, len(text)))
        stop = draw(st.integers(start, len(text)))
        start, stop = trimmed_span(text, start, stop)
        if start < stop:
            mentions.add(Mention(start, stop, draw(LABEL), text[start:stop]))
            end = stop
    ident = draw(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5))
    return Example(ident, text, tuple(sorted(mentions)))


@given(example=examples(), name=st.sampled_from(["plan", "gliner2", "spans"]))
@FILES
def test_json_formats_hold_any_gold(example: Example, name: str, tmp_path: Path) -> None:
    (found,) = read_examples(rewritten(example, name, tmp_path), name)
    assert (found.id, found.text, found.mentions) == (example.id, example.text, example.mentions)
    assert set(labels_of([found])) == set(labels_of([example]))


@given(example=examples(nested=False), name=st.sampled_from(["klue", "conll", "kbmc"]))
@FILES
def test_rows_give_back_what_they_take(example: Example, name: str, tmp_path: Path) -> None:
    try:
        path = rewritten(example, name, tmp_path)
    except InputError as error:
        assert "cannot be written as" in error.message
        return
    (found,) = read_examples(path, name)
    assert found.text == example.text
    kept = {(one.label, one.text.strip()) for one in example.mentions}
    assert {(one.label, one.text.strip()) for one in found.mentions} == kept
    assert name == "kbmc" or found.id == example.id


def rewritten(example: Example, name: str, folder: Path) -> Path:
    path = folder / "out"
    path.unlink(missing_ok=True)
    write_examples([example], path, name)
    return path


RICH = Example(
    id="a",
    text="제2형  당뇨병(T2DM)에 메트포르민을\n투여했다. ",
    mentions=(
        Mention(0, 8, "Disease", "제2형  당뇨병"),
        Mention(9, 13, "Disease", "T2DM"),
        Mention(16, 21, "Drug", "메트포르민"),
    ),
    labels=("Disease", "Drug"),
)


@pytest.mark.parametrize("name", ["plan", "gliner2", "spans", "conll"])
def test_a_line_break_and_double_spaces_survive(name: str, tmp_path: Path) -> None:
    (found,) = read_examples(rewritten(RICH, name, tmp_path))
    assert (found.text, found.mentions) == (RICH.text, RICH.mentions)


@pytest.mark.parametrize("first", ["plan", "gliner2", "spans", "klue", "conll"])
@pytest.mark.parametrize("second", sorted(n for n, one in FORMATS.items() if one.write))
def test_every_format_converts_to_every_other(first: str, second: str, tmp_path: Path) -> None:
    text = "심한 암 이다 ."
    example = Example("x", text, (Mention(3, 4, "D", "암"),), labels=("D",))
    write_examples([example], tmp_path / "a", first)
    assert convert(tmp_path / "a", tmp_path / "b", second).examples == 1
    (found,) = read_examples(tmp_path / "b", second)
    assert (found.text, found.mentions) == (text, example.mentions)


def test_unlocated_gold_survives_where_strings_or_spans_are_kept(tmp_path: Path) -> None:
    example = replace(RICH, unlocated=(Unlocated("Drug", "인슐린"),))
    for name in ("plan", "gliner2", "spans"):
        (found,) = read_examples(rewritten(example, name, tmp_path))
        assert found.unlocated == example.unlocated


@pytest.mark.parametrize("name", ["klue", "conll", "kbmc"])
def test_rows_refuse_nested_and_unlocated_gold(name: str, tmp_path: Path) -> None:
    nested = Example("x", "a b", (Mention(0, 1, "L", "a"), Mention(0, 3, "L", "a b")), line=7)
    missing = Example("x", "a b", (), (Unlocated("L", "z"),))
    with pytest.raises(InputError, match="overlaps another") as caught:
        write_examples([nested], tmp_path / "out", name, source=Path("in"))
    assert caught.value.where == "in:7"
    with pytest.raises(InputError, match="does not stand in the text"):
        write_examples([missing], tmp_path / "out", name)
    assert list(tmp_path.iterdir()) == []


def test_a_mention_inside_a_word_cannot_be_a_row_of_spaced_words(tmp_path: Path) -> None:
    example = Example("x", "암은", (Mention(0, 1, "D", "암"),))
    with pytest.raises(InputError, match="inside a word"):
        write_examples([example], tmp_path / "out", "kbmc")


def test_a_label_that_looks_like_a_tag_cannot_be_a_row_of_spaced_words(tmp_path: Path) -> None:
    example = Example("x", "a", (Mention(0, 1, "B-x", "a"),))
    with pytest.raises(InputError, match="looks like a tag"):
        write_examples([example], tmp_path / "out", "kbmc")


def test_a_file_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("mine")
    with pytest.raises(InputError, match="the file exists"):
        write_examples([RICH], path, "plan")
    assert path.read_text() == "mine"


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_examples([RICH], tmp_path / "none" / "out", "plan")


def test_what_a_format_drops_is_counted(tmp_path: Path) -> None:
    example = Example(
        "named", "a  b", (Mention(0, 2, "L", "a "),), labels=("L", "M"), descriptions={"L": "l"}
    )
    write_examples([example], tmp_path / "a", "spans")
    with pytest.raises(InputError, match="1 descriptions of labels; 1 labels without gold"):
        convert(tmp_path / "a", tmp_path / "b", "kbmc")
    assert not (tmp_path / "b").exists()
    done = convert(tmp_path / "a", tmp_path / "b", "kbmc", drop=True)
    assert [note.kind for note in done.notes] == ["trimmed-gold"]
    assert done.lost == {"descriptions": 1, "empty labels": 1, "ids": 1, "label sets": 1}


def test_a_string_that_stands_twice_but_is_marked_once_keeps_its_offsets(tmp_path: Path) -> None:
    example = Example("x", "암 암", (Mention(0, 1, "D", "암"),))
    assert len(locate("암 암", {"D": ["암"]}).mentions) == 2
    (found,) = read_examples(rewritten(example, "plan", tmp_path))
    assert found.mentions == example.mentions


@pytest.mark.parametrize(
    ("example", "name", "message"),
    [
        (Example("a\tb", "x y", ()), "klue", "a tab or a line break"),
        (Example("a", "x\ry", ()), "klue", "a tab or a line break"),
        (Example("a", "x\0y", ()), "klue", "NUL"),
        (Example("a", "x\0y", ()), "conll", "NUL"),
        (Example(" a", "x y", ()), "klue", "its id would be read otherwise"),
        (Example("a", "x y", (Mention(0, 1, "L ", "x"),)), "conll", "read otherwise"),
        (Example("a", "-x y", (Mention(0, 1, "B-x", "-"),)), "kbmc", "cannot be written"),
    ],
)
def test_what_would_be_read_otherwise_is_not_written(
    example: Example, name: str, message: str, tmp_path: Path
) -> None:
    good = Example("good", "fine text", ())
    with pytest.raises(InputError, match=message) as caught:
        write_examples([good, replace(example, line=7)], tmp_path / "out", name, source=Path("in"))
    assert caught.value.where == "in:7"
    assert list(tmp_path.iterdir()) == []


def test_an_id_with_a_tab_and_an_inside_tag_on_a_space_come_back_in_every_format(
    tmp_path: Path,
) -> None:
    source = tmp_path / "in.tsv"
    source.write_text("## x\t심한 암\n심\tO\n한\tO\n \tI-D\n암\tI-D\n", encoding="utf-8")
    for name in sorted(name for name, one in FORMATS.items() if one.write):
        out = tmp_path / f"out-{name}"
        assert convert(source, out, name).examples == 1
        (found,) = read_examples(out, name)
        assert (found.text, [one.text for one in found.mentions]) == ("심한 암", ["암"])
    example = Example("a\tb", "x y", (Mention(0, 1, "L", "x"),))
    for name in ("plan", "gliner2", "spans", "conll"):
        (found,) = read_examples(rewritten(example, name, tmp_path), name)
        assert found.id == "a\tb"


WRITTEN = sorted(name for name, one in FORMATS.items() if one.write is not None)


@given(
    several=st.lists(examples(nested=False), min_size=1, max_size=3),
    path=st.lists(st.sampled_from(WRITTEN), min_size=2, max_size=3),
)
@FILES
def test_round_trips_among_all_formats_keep_text_and_gold_or_are_refused(
    several: list[Example], path: list[str], tmp_path: Path
) -> None:
    for left in tmp_path.iterdir():
        left.unlink()
    source = tmp_path / "0"
    write_examples(several, source, "spans")
    before = read_examples(source, "spans")
    form = "spans"
    for step, name in enumerate(path, start=1):
        target = tmp_path / str(step)
        try:
            convert(source, target, name, form)
        except InputError:
            assert not target.exists()
            return
        source, form = target, name
    after = read_examples(source, form)
    assert [one.text for one in after] == [one.text for one in before]
    assert [one.mentions for one in after] == [one.mentions for one in before]
