"""Files of columns in every shape that people have: what holds words, tags and counts is found."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from encswap.data.formats.table import ReadOptions
from encswap.data.notes import Notes
from encswap.data.readers import format_of, open_examples, read_examples
from encswap.errors import InputError
from encswap.types import Example

SHARED = Path(os.environ.get("ENCSWAP_SHARED", Path(__file__).parents[3] / "shared")) / "data"

TWO = ["Hypertension is", "Insulin helps"]
GOLD = [("DIS", "Hypertension"), ("DRUG", "Insulin")]


def write(path: Path, content: str) -> Path:
    path.write_bytes(content.encode("utf-8"))
    return path


def gold(examples: list[Example]) -> list[tuple[str, str]]:
    return [(one.label, one.text) for example in examples for one in example.mentions]


@pytest.mark.parametrize(
    "content",
    [
        "Hypertension\tB-DIS\nis\tO\n\nInsulin\tB-DRUG\nhelps\tO\n",
        "Hypertension B-DIS\nis O\n\nInsulin B-DRUG\nhelps O\n",
        "Hypertension\tNN\tB-DIS\nis\tVB\tO\n\nInsulin\tNN\tB-DRUG\nhelps\tVB\tO\n",
        "Hypertension NN B-NP B-DIS\nis VB B-VP O\n\nInsulin NN B-NP B-DRUG\nhelps VB B-VP O\n",
        "Hypertension x NN I-NC I-DIS\nis x VB O O\n\nInsulin x NN I-NC I-DRUG\nhelps x VB O O\n",
        "Hypertension\tB-DIS\tNN\nis\tO\tVB\n\nInsulin\tB-DRUG\tNN\nhelps\tO\tVB\n",
        "\ufeffHypertension\tB-DIS\r\nis\tO\r\n\r\nInsulin\tB-DRUG\r\nhelps\tO\r\n",
        "Hypertension\tB-DIS\ris\tO\r\rInsulin\tB-DRUG\rhelps\tO\r",
        "Hypertension\tB-DIS\nis\tO\n\t\nInsulin\tB-DRUG\nhelps\tO\n \t \n",
        "Hypertension\tB-DIS \nis\tO\t\n \nInsulin\tB-DRUG\t\t\nhelps\tO\n",
        "Hypertension \t B-DIS\nis \t O\n\nInsulin \t B-DRUG\nhelps \t O\n",
        "Hypertension\t\t\tB-DIS\nis\t\tO\n\nInsulin\t\tB-DRUG\nhelps\tO\n",
        "word\ttag\nHypertension\tB-DIS\nis\tO\n\nInsulin\tB-DRUG\nhelps\tO\n",
        "단어\t개체명\nHypertension\tB-DIS\nis\tO\n\nInsulin\tB-DRUG\nhelps\tO\n",
        "# a file\n## of mine\nHypertension\tB-DIS\nis\tO\n\n# two\nInsulin\tB-DRUG\nhelps\tO\n",
        "-DOCSTART- -X- -X- O\n\nHypertension NN NP B-DIS\nis VB VP O\n\n"
        "Insulin NN NP B-DRUG\nhelps VB VP O\n",
        "-DOCSTART-\tO\nHypertension\tB-DIS\nis\tO\n-docstart-\tO\nInsulin\tB-DRUG\nhelps\tO\n",
        "-DOCSTART- (1 a)\n\nHypertension B-DIS\nis O\n\n--DOCSTART--\n\nInsulin B-DRUG\nhelps O\n",
        "-DOCSTART- -X- O\nHypertension -X- _ B-DIS\nis -X- _ O\n\n"
        "Insulin -X- _ B-DRUG\nhelps -X- _ O\n",
        "0\tHypertension\tB-DIS\n1\tis\tO\n\n0\tInsulin\tB-DRUG\n1\thelps\tO\n",
        "1 Hypertension B-DIS\n2 is O\n\n3 Insulin B-DRUG\n4 helps O\n",
        "1\tHypertension\tB-DIS\n2\tis\tO\n1\tInsulin\tB-DRUG\n2\thelps\tO\n",
        "0 Hypertension B-DIS\n0 is O\n1 Insulin B-DRUG\n1 helps O\n",
        "0 0 Hypertension B-DIS\n0 1 is O\n1 0 Insulin B-DRUG\n1 1 helps O\n",
        "# id 5\tdomain=en\nHypertension _ _ B-DIS\nis _ _ O\n\n"
        "# id 6\tdomain=en\nInsulin _ _ B-DRUG\nhelps _ _ O\n",
        "en:Hypertension\tB-DIS\nen:is\tO\n\nen:Insulin\tB-DRUG\nen:helps\tO\n",
        "Hypertension\tB_DIS\nis\tO\n\nInsulin\tB_DRUG\nhelps\tO\n",
        "Hypertension\tDIS-B\nis\tO\n\nInsulin\tDRUG-B\nhelps\tO\n",
        "Hypertension\tDIS_B\nis\t-\n\nInsulin\tDRUG_B\nhelps\t-\n",
        "Hypertension\tB-DIS\nis\t_\n\nInsulin\tB-DRUG\nhelps\t_\n",
        "Hypertension\tS-DIS\nis\to\n\nInsulin\tU-DRUG\nhelps\to\n",
        "Hypertension\tDIS\nis\tO\n\nInsulin\tDRUG\nhelps\tO\n",
        "Sentence #,Word,POS,Tag\nSentence: 1,Hypertension,NN,B-DIS\n,is,VB,O\n"
        "Sentence: 2,Insulin,NN,B-DRUG\n,helps,VB,O\n",
        "sentence_id,words,labels\n0,Hypertension,B-DIS\n0,is,O\n1,Insulin,B-DRUG\n1,helps,O\n",
        "# global.columns = ID FORM NER\n1\tHypertension\tB-DIS\n2\tis\tO\n\n"
        "1\tInsulin\tB-DRUG\n2\thelps\tO\n",
    ],
)
def test_columns_of_every_shape_are_read_as_words(content: str, tmp_path: Path) -> None:
    path = write(tmp_path / "f.tsv", content)
    assert format_of(path).name == "conll"
    found = read_examples(path)
    assert [one.text for one in found] == TWO
    assert gold(found) == GOLD


@pytest.mark.parametrize(
    ("rows", "mentions"),
    [
        ("a I-X\nb I-X\nc I-Y\nd O\n", ["a b", "c"]),
        ("a I-X\nb B-X\nc I-X\nd O\n", ["a", "b c"]),
        ("a B-X\nb I-X\nc E-X\nd S-X\n", ["a b c", "d"]),
        ("a B-X\nb L-X\nc U-X\nd O\n", ["a b", "c"]),
        ("a B-X\nb M-X\nc E-X\nd W-X\n", ["a b c", "d"]),
        ("a B-X\nb E-X\nc I-X\nd O\n", ["a b", "c"]),
        ("a B_X\nb I\nc I\nd O\n", ["a b c"]),
        ("a X-B\nb X-I\nc X-B\nd O\n", ["a b", "c"]),
        ("a b-x\nb i-x\nc o\nd o\n", ["a b"]),
    ],
)
def test_every_scheme_of_tags_is_decoded(rows: str, mentions: list[str], tmp_path: Path) -> None:
    (found,) = read_examples(write(tmp_path / "f", rows))
    assert [one.text for one in found.mentions] == mentions


GERMEVAL = (
    "#\thttp://example.org\t[2009-10-17]\n"
    "1\tAufgrund\tO\tO\n2\tTroia\tB-OTH\tB-LOC\n3\t-\tI-OTH\tO\n4\tTraum\tI-OTH\tO\n"
)


def test_of_two_tag_columns_the_outer_is_read_and_the_other_counted(tmp_path: Path) -> None:
    path, notes = write(tmp_path / "f.tsv", GERMEVAL), Notes()
    (found,) = read_examples(path, notes=notes)
    assert found.text == "Aufgrund Troia - Traum"
    assert gold([found]) == [("OTH", "Troia - Traum")]
    (note,) = notes
    assert (note.kind, note.count) == ("other-tag-column", 1)
    assert "column 4" in str(note)
    assert "--tag-column 4" in str(note)


@pytest.mark.parametrize("column", ["4", "INNER"])
def test_a_tag_column_is_chosen_by_number_or_name(column: str, tmp_path: Path) -> None:
    content = GERMEVAL if column == "4" else f"id\tword\touter\tinner\n{GERMEVAL}"
    path = write(tmp_path / "f.tsv", content.replace("id\tword\touter", "id\tword\ttag"))
    (found,) = read_examples(path, options=ReadOptions(tag_column=column))
    assert gold([found]) == [("LOC", "Troia")]


@pytest.mark.parametrize(
    ("column", "message"),
    [("9", "there are 4 columns, not 9"), ("2", "no BIO tags"), ("x", "no column is called 'x'")],
)
def test_a_wrong_tag_column_is_refused(column: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "f.tsv", GERMEVAL)
    with pytest.raises(InputError, match=message):
        read_examples(path, "conll", options=ReadOptions(tag_column=column))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("Hypertension\tB\nmellitus\tI\nis\tO\n", "conll"),
        ("고\tB\n혈\tI\n압\tI\n은\tO\n", "klue"),
        ("Sentence\tTags\na b c\tB I O\n", "kbmc"),
    ],
)
def test_tags_without_types_need_a_label(content: str, name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "f", content)
    with pytest.raises(InputError, match="--tag-label NAME"):
        read_examples(path)
    (found,) = read_examples(path, options=ReadOptions(label="Disease"))
    assert format_of(path).name == name
    (mention,) = found.mentions
    assert mention.label == "Disease"
    assert mention.text in ("Hypertension mellitus", "고혈압", "a b")


KLUE = "## id-1\t고혈압은\n고\tB-DIS\n혈\tI-DIS\n압\tI-DIS\n은\tO\n"


@pytest.mark.parametrize(
    "content",
    [
        KLUE,
        KLUE.replace("\n", "\r\n"),
        KLUE.replace("압\tI-DIS", "압\tI-DIS "),
        KLUE.replace("은\tO", "은\tO \t"),
        unicodedata.normalize("NFD", KLUE),
        KLUE.partition("\n")[2],
        KLUE.replace("-DIS", "_DIS"),
        KLUE.partition("\n")[2].replace("\t", " "),
    ],
)
def test_klue_with_an_odd_row_is_klue(content: str, tmp_path: Path) -> None:
    path = write(tmp_path / "f.tsv", content)
    assert format_of(path).name == "klue"
    (found,) = read_examples(path)
    assert unicodedata.normalize("NFC", found.text) == "고혈압은"
    (mention,) = found.mentions
    assert unicodedata.normalize("NFC", mention.text) == "고혈압"
    assert mention.label == "DIS"


@pytest.mark.parametrize("odd", ["은은\tO", "은", "은\t", "은\tX", " \tO\tO"])
def test_klue_with_a_broken_row_is_refused_with_its_line(odd: str, tmp_path: Path) -> None:
    path = write(tmp_path / "f.tsv", KLUE.replace("혈\tI-DIS", odd))
    with pytest.raises(InputError, match="klue: line 3"):
        read_examples(path)
    with pytest.raises(InputError) as caught:
        read_examples(path, "klue")
    assert caught.value.where == f"{path}:3"


def test_an_inside_tag_on_a_space_is_right_and_gold_of_white_space_alone_is_not(
    tmp_path: Path,
) -> None:
    good = write(tmp_path / "good", "심\tB-D\n한\tI-D\n \tI-D\n암\tI-D\n")
    assert gold(read_examples(good)) == [("D", "심한 암")]
    blank = write(tmp_path / "blank", "심\tO\n한\tO\n \tB-D\n암\tO\n")
    with pytest.raises(InputError, match="white space") as caught:
        read_examples(blank)
    assert caught.value.where == f"{blank}:3"


KBMC = "위 암 은 질환 이다 .", "Disease-B Disease-I O O O O"


@pytest.mark.parametrize(
    "content",
    [
        f'Sentence,Tags\n"{KBMC[0]}",{KBMC[1]}\n',
        f"Sentence,Tags\n{KBMC[0]},{KBMC[1]}\n",
        f",Sentence,Tags\n0,{KBMC[0]},{KBMC[1]}\n",
        f"Tags;Sentence\n{KBMC[1]};{KBMC[0]}\n",
        f"Sentence\tTags\n{KBMC[0]}\t{KBMC[1]}\n",
        f"{KBMC[0]}\t{KBMC[1]}\n",
        f"문장\t개체명\n{KBMC[0]}\t{KBMC[1]}\n",
        f"\ufeffSentence,Tags\r\n{KBMC[0]},{KBMC[1]}\r\n",
        f"{KBMC[0]}\tB-Disease I-Disease O O O O\n",
    ],
)
def test_kbmc_is_read_as_csv_and_as_tsv(content: str, tmp_path: Path) -> None:
    path = write(tmp_path / "k.csv", content)
    assert format_of(path).name == "kbmc"
    (found,) = read_examples(path)
    assert found.text == KBMC[0]
    assert gold([found]) == [("Disease", "위 암")]


def test_a_quoted_field_of_csv_may_hold_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    content = 'Sentence,Tags\n"위 ""암"" ,\n간",O L-B O O\na,O\nb c,O\n'
    path = write(tmp_path / "k.csv", content)
    reading = open_examples(path, "kbmc")
    with reading.source:
        examples = iter(reading)
        first = next(examples)
        assert (first.text, first.mentions[0].text, first.line) == ('위 "암" ,\n간', '"암"', 2)
        assert next(examples).line == 4
        with pytest.raises(InputError, match="2 words but 1 tags") as caught:
            next(examples)
    assert caught.value.where == f"{path}:5"


def test_naver_rows_are_index_word_and_tag(tmp_path: Path) -> None:
    content = "1\t비토리오\tPER_B\n2\t양일\tDAT_B\n3\t만에\t-\n\n1\t이\t-\n2\t8\tNUM_B\n"
    found = read_examples(write(tmp_path / "naver.tsv", content))
    assert [one.text for one in found] == ["비토리오 양일 만에", "이 8"]
    assert gold(found) == [("PER", "비토리오"), ("DAT", "양일"), ("NUM", "8")]


@pytest.mark.parametrize(
    "head",
    [
        "; 한편, AFC챔피언스 리그\n$한편, <AFC챔피언스 리그:OG>\n",
        "## 1\n## 한편, AFC챔피언스 리그\n## 한편, <AFC챔피언스 리그:OG>\n",
    ],
)
def test_corpora_of_morphemes_are_read_from_their_tagged_copy(head: str, tmp_path: Path) -> None:
    rows = "1\t한편\tMAJ\tO\n2\t,\tSP\tO\n3\tAFC\tSL\tB_OG\n4\t챔피언스\tNNG\tI\n5\t리그\tNNG\tI\n"
    path = write(tmp_path / "f.txt", f"{head}{rows}\n")
    assert format_of(path).name == "kmou"
    notes = Notes()
    (found,) = read_examples(path, notes=notes)
    assert (found.text, gold([found])) == (
        "한편, AFC챔피언스 리그",
        [("OG", "AFC챔피언스 리그")],
    )
    assert not list(notes)
    broken = write(
        tmp_path / "g.txt", f"{head}{rows}\n{head.replace('한편, AFC', '한, AFC', 1)}{rows}"
    )
    with pytest.raises(InputError, match="another text"):
        read_examples(broken)


def test_a_remark_gives_the_text_that_words_stand_in(tmp_path: Path) -> None:
    content = "# text = Hypertension, is bad.\nHypertension\tB-D\n,\tO\nis\tO\nbad\tO\n.\tO\n"
    (found,) = read_examples(write(tmp_path / "f", content))
    assert found.text == "Hypertension, is bad."
    assert gold([found]) == [("D", "Hypertension")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a1\tO\nb1\tO\nc1\n", "conll: line 3: 1 columns where others have 2"),
        ("a1 O\nb1 x O\nc1 O\n", "conll: line 2: 3 columns where others have 2"),
        ("a1\tO\nb1\tO\nc1\tB-\nd1\tB-X\n", "conll: line 3: 'B-' is no BIO tag"),
        ("1\ta1\tO\n2\tb1\tB-X\nx\tc1\tO\n", "line 3"),
        ("암\tO\n", "--from klue or --from conll"),
    ],
)
def test_what_fits_nothing_is_refused_with_the_line_that_does_not_fit(
    content: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        read_examples(write(tmp_path / "f", content))


def counted(path: Path) -> tuple[int, int]:
    """Count sentences and mentions without any code of the product: a B, or an I after another."""
    sentences = mentions = 0
    inside, before = False, "O"
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("##"):
            continue
        columns = line.rstrip("\r").split("\t")
        if len(columns) < 2 or not columns[1]:
            sentences += inside
            inside, before = False, "O"
            continue
        inside, tag = True, columns[1]
        mentions += tag[0] == "B" or (tag[0] == "I" and before[1:] != tag[1:])
        before = tag
    return sentences + inside, mentions


@pytest.mark.parametrize(
    ("name", "sentences", "mentions"),
    [
        ("wnut17_train.conll", 3394, 1975),
        ("ncbi_disease_train.conll", 5424, 5134),
        ("klue-ner-v1.1_dev.tsv", 5000, 14257),
    ],
)
def test_published_files_have_the_sentences_and_mentions_that_are_counted_independently(
    name: str, sentences: int, mentions: int
) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand")
    assert counted(path) == (sentences, mentions)
    found = read_examples(path)
    assert (len(found), sum(len(one.mentions) for one in found)) == (sentences, mentions)
