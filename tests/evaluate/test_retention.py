"""Retention: the shipped set, and what a run says of what its model could do before."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.data.tasks import schema_of, tasks_of
from encswap.errors import InputError
from encswap.evaluate.retention import SHIPPED, compare_retention, read_sets, sentence_of
from encswap.types import labels_of


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_shipped_set_has_all_tasks_and_labels_that_the_medical_sets_lack(language: str):
    examples = read_sets()[language]
    labels = set(labels_of(examples))
    medical = set(labels_of(read_examples(find_data(f"{language}-medical/test.jsonl"))))
    assert len(labels) >= 12 and not labels & medical
    marked = {one.label for example in examples for one in example.mentions}
    assert marked == labels
    schema = schema_of(examples)
    assert len(schema.classifications) == 3 and len(schema.multi) == 1
    assert len(schema.relations) == 3 and len(schema.structures) == 2
    assert all(set(one.tasks) >= {"classifications", "relations"} for one in examples)
    assert all(value.spans for one in examples for _, value in tasks_of(one).values)
    assert len(examples) == len({one.text for one in examples}) == 24


def test_every_class_of_the_shipped_set_is_some_document_s():
    for examples in read_sets().values():
        seen = {(one.task, label) for e in examples for one in tasks_of(e).classifications
                for label in one.gold}  # fmt: skip
        schema = schema_of(examples)
        assert seen == {(t, label) for t, ls in schema.classifications.items() for label in ls}


def test_the_checksums_are_those_of_the_files():
    folder = find_data(SHIPPED["ko"]).parent
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == 2
    for line in lines:
        digest, name = line.split()
        assert unicodedata.is_normalized("NFC", (folder / name).read_text(encoding="utf-8"))
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_a_file_that_is_not_there_is_refused_before_a_model_is_loaded():
    with pytest.raises(InputError, match="no such file"):
        read_sets(["nowhere.jsonl"])


def measured(correct: int) -> dict[str, object]:
    micro = {"f1": correct / 4, "precision": 0.0, "recall": 0.0, "support": 4}
    return {
        "documents": 4,
        "scores": {"entities": {"micro": micro, "per_label": {}}},
        "entities": [[int(place < correct), 1, 1] for place in range(4)],
    }


def test_what_was_lost_stands_in_one_sentence_with_an_interval():
    found = compare_retention({"base": {"x": measured(3)}, "tuned": {"x": measured(1)}}, seed=1)
    change = found["sets"]["x"]["changes"]["entities"]
    assert change["change"] == -0.5
    assert change["interval"][0] <= -0.5 <= change["interval"][1]
    said = "From the base to the tuned model these scores fell: entity F1 (x) 0.750 → 0.250."
    assert found["sentence"] == said
    gained = compare_retention({"base": {"x": measured(1)}, "tuned": {"x": measured(3)}}, seed=1)
    assert gained["sentence"] == "No score of the tuned model is below that of the base."
    assert sentence_of({"sets": {}}, ["tuned"]).startswith("There is nothing to compare with")


def test_eval_wants_documents_or_retention(tmp_path: Path):
    result = CliRunner().invoke(app, ["eval", str(tmp_path)])
    assert result.exit_code == 2
    assert "give --data FILE, or --retention" in result.output
