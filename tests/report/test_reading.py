"""A run folder is read back whole, or refused with what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from encswap.errors import InputError
from encswap.report.run_results import read_run


def change(folder: Path, edit) -> None:
    path = folder / "predictions.jsonl"
    path.write_text("".join(edit(path.read_text().splitlines(keepends=True))))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda lines: [], "holds 0 documents, and metrics.json has 3: it is cut off"),
        (lambda lines: lines[:2], "holds 2 documents, and metrics.json has 3: it is cut off"),
        (lambda lines: [*lines, lines[0]], "holds 4 documents, .* has 3: it is of another run"),
        (lambda lines: [lines[1]] * 3, "holds 3 gold mentions, .*: it is cut off"),
        (lambda lines: [*lines[:2], lines[2][:20]], "predictions.jsonl:3: is cut off"),
        (lambda lines: [one.replace("0.95", "0.1") for one in lines], None),
    ],
)
def test_documents_that_are_not_those_of_the_scores_are_refused(planted, edit, said):
    change(planted, edit)
    if said is None:
        assert len(read_run(planted).documents) == 3
        return
    with pytest.raises(InputError, match=said) as caught:
        read_run(planted)
    assert "predictions.jsonl" in caught.value.where


def test_other_predictions_of_the_same_documents_are_refused(planted):
    def without(lines):
        records = [json.loads(line) for line in lines]
        for one in records:
            one["predictions"] = []
        return [json.dumps(one) + "\n" for one in records]

    change(planted, without)
    with pytest.raises(InputError, match=r"an F1 of 0.0000, and metrics.json has 0\.\d+"):
        read_run(planted)


def test_a_folder_of_before_is_refused_by_its_gold(planted):
    path = planted / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["test"]["documents"]
    path.write_text(json.dumps(metrics))
    assert len(read_run(planted).documents) == 3
    change(planted, lambda lines: [])
    with pytest.raises(InputError, match="holds 0 gold mentions"):
        read_run(planted)
