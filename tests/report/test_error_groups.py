"""Errors in groups: what is frequent, what to try next, and the file of all of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from encswap.evaluate.error_analysis import BORDERS, KINDS, REASONS
from encswap.report.error_groups import errors_csv, frequent_errors, large_groups
from encswap.report.page import write_page
from encswap.report.run_results import read_run
from encswap.report.texts import FOLDER, Texts, languages
from encswap.types import Example, Mention
from tests.report.conftest import write_run
from tests.report.test_page import data_of, read


def missed(count: int, word: str = "aa", label: str = "Drug") -> list[Example]:
    return [
        Example(f"{word}-{n}", f"{word} b", (Mention(0, len(word), label, word),))
        for n in range(count)
    ]


def rows_of(path_or_text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(path_or_text.splitlines()))


def test_every_error_is_a_row_and_no_match_is(planted: Path):
    run = read_run(planted)
    rows = rows_of(errors_csv(run))
    wanted = [case for cases in run.cases for case in cases if case.kind != "exact"]
    assert len(rows) == len(wanted)
    row = next(one for one in rows if one["detail"] == "particle-attached")
    assert (row["gold_text"], row["predicted_text"]) == ("인슐린", "인슐린을")
    text = run.documents[0].example.text
    assert text[int(row["gold_start"]) : int(row["gold_end"])] == "인슐린"


@pytest.mark.parametrize("word", ["=cmd|' /C calc'!A0", "+1", "-1", "@sum", "\ta"])
def test_no_cell_is_a_formula(tmp_path: Path, word: str):
    run = read_run(write_run(tmp_path / "run", missed(1, word), [[]]))
    (row,) = rows_of(errors_csv(run))
    assert row["gold_text"] == f"'{word}" and row["document"].startswith("'")


def test_a_page_carries_the_errors_as_a_file_unless_they_are_too_many(
    planted: Path, monkeypatch: pytest.MonkeyPatch
):
    run, texts = read_run(planted), Texts.read("en")
    links = [a["href"] for t, a in read(write_page(run, texts)).tags if "download" in a]
    assert len(links) == 1 and links[0].startswith("data:text/csv")
    monkeypatch.setattr("encswap.report.page.MOST_DOWNLOAD", 10)
    page = write_page(run, texts)
    assert "data:text/csv" not in page and "--errors FILE.csv" in page


def test_errors_that_repeat_are_counted_with_their_documents(tmp_path: Path):
    examples = [*missed(3), *missed(2, "cc"), *missed(1, "dd")]
    run = read_run(write_run(tmp_path / "run", examples, [[]] * 6))
    found = [(one.kind, one.gold, one.times, one.documents) for one in frequent_errors(run)]
    assert found == [("missed", "aa", 3, 3), ("missed", "cc", 2, 2)]


def test_only_large_groups_get_an_advice(tmp_path: Path):
    run = read_run(write_run(tmp_path / "few", missed(2), [[]] * 2))
    assert large_groups(run) == []
    run = read_run(write_run(tmp_path / "many", missed(9), [[]] * 9))
    (group,) = large_groups(run)
    assert (group.kind, group.count, group.share) == ("missed", 9, 1.0)
    assert "never proposed: train longer" in write_page(run, Texts.read("en"))


@pytest.mark.parametrize("language", languages())
def test_every_group_has_a_sentence_of_what_to_try(language: str):
    words = yaml.safe_load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    groups = {*BORDERS, *REASONS, *KINDS} - {"exact", "missed", "boundary", "unknown"}
    assert groups - {"boundary-and-label"} <= {key.removeprefix("try_") for key in words}


def test_documents_come_worst_first_and_know_their_place(tmp_path: Path):
    examples = [*missed(1), Example("fine", "nothing"), *missed(1, "cc")]
    gold = (Mention(0, 2, "Drug", "ee"), Mention(3, 5, "Drug", "ff"))
    examples.append(Example("worst", "ee ff", gold))
    run = read_run(write_run(tmp_path / "run", examples, [[]] * 4))
    data = data_of(write_page(run, Texts.read("en")))
    assert [one[0] for one in data["documents"]] == ["worst", "aa-0", "cc-0", "fine"]
    assert data["places"] == [3, 0, 2, 1]
