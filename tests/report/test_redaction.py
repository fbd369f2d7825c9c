"""A report without texts holds no text, mention or id of the run, wherever one looks."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.report.page import write_page
from encswap.report.redaction import without_texts
from encswap.report.run_results import read_run
from encswap.report.texts import Texts, languages
from encswap.types import Example, Mention, Unlocated
from tests.report.conftest import CANDIDATES, EMPTY, NASTY, NASTY_CANDIDATES, PLANTED, write_run

EXAMPLES = [
    PLANTED,
    NASTY,
    EMPTY,
    Example(
        "patient-4711",
        "gemcitabine and nab-paclitaxel",
        (Mention(0, 11, "Drug", "gemcitabine"), Mention(0, 15, "Drug", "gemcitabine and")),
        (Unlocated("Drug", "oxaliplatin"), Unlocated("Drug", "oxaliplatin")),
    ),
]
REMARKS = ["dev F1 was 0", "document 'patient-4711' holds gemcitabine twice"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(
        tmp_path / "run",
        EXAMPLES,
        [CANDIDATES, NASTY_CANDIDATES, [], []],
        remarks=REMARKS,
        in_training={("Drug", "gemcitabine"): 2},
    )


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return write_run(tmp_path / "other", EXAMPLES, [[], NASTY_CANDIDATES, [], []])


def secrets(folder: Path) -> set[str]:
    """Every string that must not leave: texts, mentions, what was predicted, ids."""
    found = set()
    for document in read_run(folder).documents:
        example = document.example
        found |= {example.id, example.text, *(one.text for one in example.gold)}
        found |= {example.text[one.start : one.end] for one in document.candidates}
        found |= {word for word in example.text.split() if len(word) > 3}
    return found - {"", "</script>"}  # a tag that every page has


def refuse_secrets(written: str, folder: Path) -> None:
    """Search what was written, and what it holds in base64, escaped or not."""
    inside = [
        base64.b64decode(one).decode("utf-8-sig")
        for one in re.findall(r"base64,([A-Za-z0-9+/=]+)", written)
    ]
    data = re.search(r'id="data">(.*?)</script>', written, re.S)
    inside += [json.dumps(json.loads(data.group(1)), ensure_ascii=False)] if data else []
    whole = "\n".join([written, *inside])
    left = {one for one in secrets(folder) if one in whole}
    assert left == set()


@pytest.mark.parametrize("language", languages())
def test_a_page_without_texts_holds_none(run: Path, language: str):
    texts = Texts.read(language)
    whole = write_page(read_run(run), texts)
    with pytest.raises(AssertionError):
        refuse_secrets(whole, run)  # the search finds them where they are
    refuse_secrets(write_page(read_run(run), texts, redact=True), run)


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["report", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("kind", ["html", "markdown", "json"])
def test_the_command_writes_no_text_in_any_format(run: Path, tmp_path: Path, kind: str):
    out, errors, figures = tmp_path / "out", tmp_path / "errors.csv", tmp_path / "figures"
    more = ("--errors", errors, "--figures", figures, "--without-texts")
    invoke(run, "--format", kind, "--out", out, *more)
    for path in (out, errors, *figures.iterdir()):
        refuse_secrets(path.read_text(encoding="utf-8"), run)
    assert len(errors.read_text(encoding="utf-8").splitlines()) > 5


def test_a_comparison_without_texts_holds_none(run: Path, other: Path, tmp_path: Path):
    whole, bare = tmp_path / "whole.html", tmp_path / "bare.html"
    invoke(run, other, "--out", whole)
    invoke(run, other, "--out", bare, "--without-texts")
    assert "당뇨병" in whole.read_text(encoding="utf-8")
    refuse_secrets(bare.read_text(encoding="utf-8"), run)
    assert "Document 1" in bare.read_text(encoding="utf-8")


def test_the_page_of_the_run_is_not_overwritten_by_the_one_without_texts(run: Path):
    invoke(run)
    before = (run / "report.html").read_bytes()
    invoke(run, "--without-texts")
    assert (run / "report.html").read_bytes() == before
    refuse_secrets((run / "report-without-texts.html").read_text(encoding="utf-8"), run)


def test_scores_errors_and_their_kinds_are_those_of_the_whole_run(run: Path):
    whole = read_run(run)
    bare = without_texts(whole, Texts.read("en"))

    def kinds(one):
        return [[(case.kind, case.detail, case.label) for case in cases] for cases in one.cases]

    assert kinds(bare) == kinds(whole)
    assert [one.example.id for one in bare.documents] == [f"Document {n}" for n in range(1, 5)]
    assert bare.metrics["test"] == whole.metrics["test"]


def test_a_remark_that_quotes_a_document_is_left_out_and_counted(run: Path):
    bare = without_texts(read_run(run), Texts.read("en"))
    assert bare.metrics["remarks"] == [
        "dev F1 was 0",
        "1 remarks are left out, for they quote documents.",
    ]
