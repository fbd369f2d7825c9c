from __future__ import annotations

import builtins
import pickle
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encswap import EncswapError
from encswap.plugins import load_plugins

pytest.importorskip("kiwipiepy")
kiwi_plugin = pytest.importorskip("encswap_kiwi")

LAWS = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TEXTS = st.text(max_size=40) | st.text(
    st.sampled_from(
        "가각났했을의ㅋ1.9-A%é\u1100\u1161\u11a8\u0301\u200d😀漢 \n\t\u200b\ufeff\ud800"
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def kiwi() -> Any:
    return load_plugins().splitter("kiwi")


def cut(splitter: Any, text: str) -> list[str]:
    return [token for token, _, _ in splitter(text, False)]


@given(text=TEXTS)
@LAWS
def test_units_keep_the_laws_of_splitters(kiwi: Any, text: str) -> None:
    units = list(kiwi(text, False))
    place = 0
    for token, start, end in units:
        assert place <= start < end <= len(text)
        assert not text[place:start].strip()
        assert token == text[start:end]
        place = end
    assert not text[place:].strip()
    assert units == list(kiwi(text, False))
    assert list(kiwi.many([text, text])) == [units, units]
    assert list(kiwi(text)) == [(token.lower(), start, end) for token, start, end in units]


@given(text=st.text(st.sampled_from("가각났했을 의é1A"), max_size=20))
@LAWS
def test_a_decomposed_text_is_cut_like_a_composed_one(kiwi: Any, text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    decomposed = unicodedata.normalize("NFD", text)
    found = [unicodedata.normalize("NFC", unit) for unit in cut(kiwi, decomposed)]
    assert found == cut(kiwi, composed)


@given(text=TEXTS)
@LAWS
def test_sentences_are_in_order_and_inside_the_text(kiwi: Any, text: str) -> None:
    place = 0
    for start, end in kiwi.sentences(text):
        assert place <= start <= end <= len(text)
        place = end


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("당뇨병을 진단했다.", "당뇨병|을|진단|했|다|."),
        ("HbA1c는 7.2%", "HbA1c|는|7.2|%"),
        ("CA 19-9와 COVID-19를", "CA|19-9|와|COVID-19|를"),
        ("TNF-α로 1,200.5mg/dL", "TNF-α|로|1,200.5mg|/|dL"),
        ("2026.1.15에", "2026|.|1|.|15|에"),
        ("https://a.kr/b?x=1을 a@b.co.kr로", "https://a.kr/b?x=1|을|a@b.co.kr|로"),
        ("A형간염", "A|형|간염"),
        ("3차전", "3|차|전"),
        ("한미 정상", "한|미|정상"),
        ("반젤리스의", "반젤리스|의"),
        ("ㅋㅋ간암", "ㅋㅋ|간암"),
        ("👩‍⚕️가", "👩‍⚕️|가"),
        ("가\ud800나", "가|\ud800|나"),
        ("\u0301가", "\u0301|가"),
        (" \u200b\n", "\u200b"),
        ("", ""),
    ],
)
def test_units_are_cut_where_korean_gold_begins_and_ends(kiwi: Any, text: str, units: str) -> None:
    assert "|".join(cut(kiwi, text)) == units


def test_a_long_text_without_spaces_takes_time_in_proportion(kiwi: Any) -> None:
    for run in ("a1.", "-1", "a@", "가"):
        assert "".join(cut(kiwi, run * 5_000)) == run * 5_000


def test_a_pickled_splitter_cuts_the_same(kiwi: Any) -> None:
    again = pickle.loads(pickle.dumps(kiwi))
    assert cut(again, "당뇨병을 앓다") == cut(kiwi, "당뇨병을 앓다")


def test_what_units_depend_on_is_told(kiwi: Any, tmp_path: Path) -> None:
    import kiwipiepy

    told = kiwi.describe()
    assert (told["name"], told["options"]) == ("kiwi", {})
    assert told["kiwipiepy"] == kiwipiepy.__version__
    assert told["model"]
    words = tmp_path / "words.txt"
    words.write_text("제이십삼형당뇨\tNNP\n", encoding="utf-8")
    told = load_plugins().splitter("kiwi", user_dictionary=words).describe()
    assert told["options"] == {"user_dictionary": str(words)}
    assert len(told["user_dictionary_sha256"]) == 64


def test_the_words_of_a_user_dictionary_are_kept_whole(kiwi: Any, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("# 병명\nA형간염\tNNP\t3.0\n알파베타산\tNNG\n", encoding="utf-8-sig")
    own = load_plugins().splitter("kiwi", user_dictionary=words)
    assert cut(own, "A형간염에 알파베타산을") == ["A형간염", "에", "알파베타산", "을"]
    assert cut(pickle.loads(pickle.dumps(own)), "A형간염") == ["A형간염"]
    assert cut(kiwi, "A형간염") == ["A", "형", "간염"]


@pytest.fixture(scope="module")
def spaced(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A splitter whose user's own words hold spaces; some are decomposed or spaced twice."""
    words = tmp_path_factory.mktemp("words") / "words.txt"
    lines = ["당뇨 합병증", "급성 림프구성 백혈병", "비타민 D", "제2형  당뇨병", "Crohn 병"]
    lines.append(unicodedata.normalize("NFD", "만성 신부전"))
    words.write_text("".join(f"{one}\tNNP\r\n" for one in lines), encoding="utf-8")
    return load_plugins().splitter("kiwi", user_dictionary=words)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("당뇨 합병증을 앓는다", "당뇨 합병증|을|앓|는다"),
        ("당뇨 합병증 당뇨 합병증", "당뇨 합병증|당뇨 합병증"),
        ("만성당뇨 합병증은", "만성|당뇨 합병증|은"),
        ("당뇨  합병증을", "당뇨  합병증|을"),
        ("당뇨합병증을", "당뇨합병증|을"),
        (" 급성 림프구성 백혈병이 ", "급성 림프구성 백혈병|이"),
        ("비타민 D를", "비타민 D|를"),
        ("비타민 C를", "비타민|C|를"),
        ("만성 신부전과", "만성 신부전|과"),
        ("제2형 당뇨병이", "제2형 당뇨병|이"),
        ("Crohn 병은", "Crohn 병|은"),
    ],
)
def test_words_that_hold_a_space_are_kept_whole(spaced: Any, text: str, units: str) -> None:
    assert cut(spaced, text) == units.split("|")
    nfd = unicodedata.normalize("NFD", text)
    assert [unicodedata.normalize("NFC", one) for one in cut(spaced, nfd)] == units.split("|")
    (units_of,) = spaced.many([text])
    assert units_of == list(spaced(text, False))


def test_a_word_that_holds_a_space_is_one_unit_wide(spaced: Any) -> None:
    from encswap.data.units import measure_coverage
    from encswap.types import Example, Mention

    gold = (Mention(0, 6, "Disease", "당뇨 합병증"),)
    coverage = measure_coverage([Example("1", "당뇨 합병증을 앓는다", gold)], spaced)
    assert coverage.share(1) == 1.0


@given(text=st.text(st.sampled_from("당뇨합병증비타민 D\n을1"), max_size=30))
@LAWS
def test_units_with_spaces_keep_the_laws_of_splitters(spaced: Any, text: str) -> None:
    place = 0
    for token, start, end in spaced(text, False):
        assert place <= start < end <= len(text)
        assert not text[place:start].strip()
        assert token == text[start:end] == token.strip()
        place = end
    assert not text[place:].strip()


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("가\tNNP\n나\tXXX\n".encode(), ":2", "Unknown Tag"),
        ("가\tNNP\n나다\n".encode(), ":2", "not a dictionary entry"),
        ("가\tNNP\t높음\n".encode(), ":1", "not a score"),
        ("가\tNNP\t1\t2\n".encode(), ":1", "not a dictionary entry"),
        ("가\tNNP\n".encode("euc-kr"), ":1", "not UTF-8"),
        (b"# nothing\n", "", "holds no word"),
    ],
)
def test_a_broken_user_dictionary_is_refused_with_its_line(
    tmp_path: Path, content: bytes, line: str, message: str
) -> None:
    words = tmp_path / "words.txt"
    words.write_bytes(content)
    with pytest.raises(EncswapError, match=message) as caught:
        load_plugins().splitter("kiwi", user_dictionary=words)
    assert caught.value.where == f"{words}{line}"


def test_a_missing_user_dictionary_is_told(tmp_path: Path) -> None:
    with pytest.raises(EncswapError, match="cannot be read"):
        load_plugins().splitter("kiwi", user_dictionary=tmp_path / "none")


def test_a_missing_analyser_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "kiwipiepy":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EncswapError, match=r'pip install "encswap\[korean\]"'):
        kiwi_plugin.KiwiSplitter()
