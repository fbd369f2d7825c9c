"""The page holds the run's numbers, in every language, and shows markup as text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from encswap.errors import InputError
from encswap.evaluate.thresholds import score_at
from encswap.report.comparison import ALL, compare_runs
from encswap.report.figures import draw_all
from encswap.report.markdown import write_markdown
from encswap.report.page import write_page
from encswap.report.run_results import read_run
from encswap.report.scores import ladders
from encswap.report.texts import FOLDER, Texts, languages
from encswap.types import Example, Mention, Prediction
from tests.report.conftest import (
    CANDIDATES,
    LABELS,
    NASTY,
    NASTY_CANDIDATES,
    PLANTED,
    TEXT,
    write_run,
)


class Reader(HTMLParser):
    """Collect tags with their attributes, and the words outside of scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.words, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def data_of(page: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))


@pytest.mark.parametrize("language", languages())
def test_the_verdict_comes_first_with_its_interval_and_targets(planted: Path, language: str):
    run = read_run(planted)
    words = " ".join(read(write_page(run, Texts.read(language))).words)
    micro = run.metrics["test"]["micro"]
    assert f"{micro['f1']:.3f}" in words[:600]
    assert f"{micro['interval'][0]:.3f}" in words[:600]
    assert "{" not in words


@pytest.mark.parametrize(
    ("floor", "said"), [(-0.1, "It beats"), (1.0, "does not beat"), (None, "undecided")]
)
def test_the_verdict_says_whether_the_dictionary_is_beaten(planted: Path, floor, said):
    run = read_run(planted)
    at = run.metrics["test"]["micro"]["f1"] if floor is None else floor
    run.metrics["baselines"]["dictionary"] = {"micro": {"f1": at, "interval": [at, at]}}
    words = " ".join(read(write_page(run, Texts.read("en"))).words)
    assert said in words[:900]
    assert said in write_markdown(run, Texts.read("en"))


def test_a_control_stands_beside_by_its_name(planted: Path):
    run = read_run(planted)
    run.metrics["baselines"]["control"] = {**run.metrics["test"], "name": "someone/multi"}
    assert "someone/multi, as it is" in write_page(run, Texts.read("en"))


def test_every_language_says_the_same_things():
    texts = {name: yaml.safe_load((FOLDER / f"{name}.yaml").read_text()) for name in languages()}
    for name, words in texts.items():
        assert set(words) == set(texts["en"]), name
        for key, said in words.items():
            fields = re.findall(r"\{(\w+)\}", str(said))
            assert sorted(fields) == sorted(re.findall(r"\{(\w+)\}", str(texts["en"][key]))), key


def test_the_page_asks_for_nothing_from_anywhere(planted: Path):
    page = write_page(read_run(planted), Texts.read("en"))
    tags = read(page).tags
    for tag, attributes in tags:
        assert not ({"src", "srcset", "action"} & set(attributes)), tag
        href = attributes.get("href", "")
        assert href.startswith(("#", "data:")) or not href
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", page)


def test_markup_in_documents_is_text_and_never_a_tag(planted: Path):
    page = write_page(read_run(planted), Texts.read("en"))
    tags = read(page).tags
    assert [tag for tag, _ in tags].count("script") == 2
    assert not any("onerror" in attributes or "onclick" in attributes for _, attributes in tags)
    nasty = data_of(page)["documents"][1]
    assert nasty[0] == NASTY.id
    assert nasty[1] == NASTY.text


def test_markup_in_labels_is_text_too(tmp_path: Path):
    label = "<script>x</script>|"
    example = Example("1", "당뇨병", (Mention(0, 3, label, "당뇨병"),))
    folder = write_run(tmp_path / "<b>run", [example], [[]], labels=(label,))
    run = read_run(folder)
    tags = [tag for tag, _ in read(write_page(run, Texts.read("en"))).tags]
    assert tags.count("script") == 2 and "b" in tags
    assert "<script>" not in write_markdown(run, Texts.read("en"))


def test_planted_errors_stand_in_the_error_table(planted: Path):
    run = read_run(planted)
    kinds = [(c.kind, c.detail, c.label) for c in run.cases[0]]
    assert sorted(kinds) == sorted(
        [
            ("exact", "", "Disease"),
            ("boundary", "particle-attached", "Drug"),
            ("label", "", "Biomarker"),
            ("boundary-and-label", "particle-attached", "Disease"),
            ("missed", "below-threshold", "Procedure"),
            ("missed", "unlocated", "Drug"),
            ("spurious", "", "Drug"),
        ]
    )
    tags = read(write_page(run, Texts.read("en"))).tags
    buttons = {(a["data-kind"], a["data-label"]) for t, a in tags if "data-kind" in a}
    assert ("boundary/particle-attached", "1") in buttons
    assert ("missed/below-threshold", "3") in buttons
    assert ("missed/unlocated", "1") in buttons


@pytest.mark.parametrize("tick", [500, 3000, 5000, 5100, 6000, 9000, 9600])
def test_the_stored_ladders_count_what_the_command_counts(planted: Path, tick: int):
    run = read_run(planted)
    expected = score_at([PLANTED, NASTY], [CANDIDATES, NASTY_CANDIDATES], tick / 10_000, None)
    found = ladders(run)
    for label in LABELS:
        counts = expected.per_label.get(label)
        assert found[label].at(tick) == counts
    written = {one[0]: one[1:] for one in data_of(write_page(run, Texts.read("en")))["ladders"]}
    assert written["Drug"][0] == found["Drug"].gold


def test_offsets_in_the_page_are_code_points(planted: Path):
    (_, text, gold, _, _, _) = data_of(write_page(read_run(planted), Texts.read("en")))[
        "documents"
    ][1]
    assert text[gold[0] : gold[1]] == "인슐린"


def test_the_plan_s_protocol_is_said_before_the_scores(tmp_path: Path):
    run = read_run(write_run(tmp_path / "run", [PLANTED], [CANDIDATES], protocol="plan"))
    words = " ".join(read(write_page(run, Texts.read("en"))).words)
    assert words.index("chosen on the test documents") < words.index("What it stands beside")
    assert "chosen on the test documents" in write_markdown(run, Texts.read("en"))


def test_labels_that_were_not_asked_for_are_named(tmp_path: Path):
    folder = write_run(tmp_path / "run", [PLANTED], [CANDIDATES], labels=("Disease", "Drug"))
    words = " ".join(read(write_page(read_run(folder), Texts.read("en"))).words)
    assert "not asked for; each of their mentions is a miss: Biomarker, Procedure" in words


def test_an_empty_test_set_and_one_without_gold_are_said(tmp_path: Path):
    empty = read_run(write_run(tmp_path / "empty", [], []))
    assert "The test set is empty" in write_page(empty, Texts.read("en"))
    bare = read_run(write_run(tmp_path / "bare", [Example("1", "없다")], [[]]))
    assert "No test document holds gold" in write_page(bare, Texts.read("en"))
    assert "The test set is empty" in write_markdown(empty, Texts.read("en"))


def test_documents_that_do_not_fit_are_left_out_and_the_page_says_so(planted: Path):
    page = write_page(read_run(planted), Texts.read("en"), most_bytes=600)
    kept = [one[0] for one in data_of(page)["documents"]]
    assert "empty" not in kept and len(kept) < 3
    assert "documents are left out so that the page stays small" in page


@pytest.mark.parametrize("language", languages())
def test_figures_are_svg_files_of_their_own(planted: Path, language: str):
    drawn = draw_all(read_run(planted), Texts.read(language))
    assert set(drawn) == {
        "verdict.svg",
        "labels.svg",
        "epochs.svg",
        "thresholds.svg",
        "calibration.svg",
    }
    for drawing in drawn.values():
        root = ET.fromstring(drawing)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "script" not in drawing


def test_markdown_holds_verdict_targets_and_errors(planted: Path):
    text = write_markdown(read_run(planted), Texts.read("en"))
    assert "Dictionary of the training mentions" in text
    assert "| – particle attached | 0 | 1 | 0 | 0 | 1 |" in text
    assert "String sets (the plan)" in text


def test_runs_differ_only_where_the_difference_is_real(tmp_path: Path):
    examples = [replace(PLANTED, id=str(n)) for n in range(30)]
    weak = read_run(write_run(tmp_path / "weak", examples, [CANDIDATES] * 30))
    better = [*CANDIDATES, Prediction(*span_of("위내시경"), "Procedure", 0.9)]
    strong = read_run(write_run(tmp_path / "strong", examples, [better] * 30))
    pairs = {one.label: one.difference for one in compare_runs([weak, strong])}
    assert pairs[ALL].real and pairs[ALL].f1 > 0
    assert pairs["Procedure"].real and not pairs["Disease"].real


def span_of(text: str) -> tuple[int, int]:
    return TEXT.index(text), TEXT.index(text) + len(text)


def test_runs_on_other_documents_are_not_compared(tmp_path: Path):
    one = read_run(write_run(tmp_path / "one", [PLANTED], [CANDIDATES]))
    two = read_run(write_run(tmp_path / "two", [NASTY], [NASTY_CANDIDATES]))
    with pytest.raises(InputError, match="not scored on the same documents"):
        compare_runs([one, two])
