"""`encswap report`: what it writes, and what it says of a folder that is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from encswap.cli.app import app
from tests.report.conftest import CANDIDATES, PLANTED, write_run


def invoke(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", [PLANTED], [CANDIDATES])


def refused(*arguments) -> str:
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("encswap: ")
    return line


def test_one_run_gives_a_page_in_its_folder(run: Path):
    result = invoke(run)
    assert result.exit_code == 0, result.output
    assert (run / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert result.stdout == ""


def test_the_page_is_korean_where_asked(run: Path, tmp_path: Path):
    assert invoke(run, "--lang", "ko", "--out", tmp_path / "ko.html").exit_code == 0
    page = (tmp_path / "ko.html").read_text(encoding="utf-8")
    assert '<html lang="ko">' in page and "결론" in page


def test_markdown_goes_to_stdout_and_figures_to_a_folder(run: Path, tmp_path: Path):
    result = invoke(run, "--format", "markdown", "--figures", tmp_path / "figures")
    assert result.stdout.startswith("## Scores of run")
    assert len(list((tmp_path / "figures").glob("*.svg"))) == 5


def test_several_runs_stand_side_by_side(run: Path, tmp_path: Path):
    other = write_run(tmp_path / "other", [PLANTED], [CANDIDATES])
    table = invoke(run, other).stdout
    assert "run → other" in table and "not shown" in table
    data = json.loads(invoke(run, other, "--format", "json").stdout)
    assert [one["name"] for one in data["runs"]] == ["run", "other"]
    assert data["differences"][0]["real"] is False


def test_no_folder_no_metrics_and_no_predictions_are_said(run: Path, tmp_path: Path):
    assert "no such run folder" in refused(tmp_path / "nowhere")
    (tmp_path / "bare").mkdir()
    assert "has no metrics.json" in refused(tmp_path / "bare")
    (run / "predictions.jsonl").unlink()
    assert "has no predictions.jsonl" in refused(run)


def test_files_that_are_cut_off_are_named_with_the_line(run: Path):
    predictions = run / "predictions.jsonl"
    whole = predictions.read_text(encoding="utf-8")
    predictions.write_text(whole + whole[: len(whole) // 2], encoding="utf-8")
    assert "predictions.jsonl:2: is cut off" in refused(run)
    metrics = run / "metrics.json"
    metrics.write_text(metrics.read_text()[:100])
    assert "metrics.json: is cut off" in refused(run)


@pytest.mark.parametrize("content", ["[]", "{}", '{"test": {"micro": {}, "per_label": {}}}'])
def test_metrics_without_scores_are_refused(run: Path, content: str):
    (run / "metrics.json").write_text(content)
    assert "metrics.json" in refused(run)


@pytest.mark.parametrize(
    "broken",
    [
        {"baselines": {"dictionary": {"micro": {}}}},
        {"epochs": [{"epoch": 1}]},
        {"targets": {"micro": {"target": "high"}}},
        {"epochs": 3},
    ],
)
def test_metrics_that_lack_a_part_are_refused_in_one_line(run: Path, broken: dict):
    metrics = json.loads((run / "metrics.json").read_text())
    (run / "metrics.json").write_text(json.dumps({**metrics, **broken}))
    assert "metrics.json: holds no scores" in refused(run)


def test_a_run_without_baselines_epochs_and_targets_still_has_a_page(run: Path):
    metrics = json.loads((run / "metrics.json").read_text())
    for key in ("baselines", "epochs", "targets", "overlap_policy", "coverage", "strategy"):
        metrics[key] = None
    (run / "metrics.json").write_text(json.dumps(metrics))
    (run / "encswap.json").unlink()
    assert invoke(run, "--figures", run / "figures").exit_code == 0
    assert invoke(run, "--format", "markdown").exit_code == 0


def test_an_offset_outside_its_text_is_refused(run: Path):
    predictions = run / "predictions.jsonl"
    record = json.loads(predictions.read_text(encoding="utf-8"))
    record["gold"][0]["end"] = 10_000
    predictions.write_text(json.dumps(record), encoding="utf-8")
    assert "outside the text" in refused(run)


def test_a_language_and_a_page_that_there_are_not_are_refused(run: Path):
    assert "known: en, ko" in refused(run, "--lang", "fr")
    assert "give --out FILE.html" in refused(run, run, "--format", "html")


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_several_runs_are_one_page_that_fetches_nothing(run: Path, tmp_path: Path, lang: str):
    evil = write_run(tmp_path / "<b>other", [PLANTED], [CANDIDATES])
    page = tmp_path / "compared.html"
    result = invoke(run, evil, "--out", page, "--lang", lang)
    assert result.exit_code == 0 and result.stdout == "", result.output
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and f'<html lang="{lang}">' in text
    assert "run → &lt;b&gt;other" in text and "<b>other" not in text
    assert "Biomarker" in text and "<svg" in text
    assert "http://" not in text.replace("http://www.w3.org", "") and "<script" not in text
