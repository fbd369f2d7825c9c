"""A file like the plan's own has what is odd in the plan's, and is read whole."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from encswap.data.label_sets import repeated_ids
from encswap.data.readers import read_examples
from encswap.data.split import split_dev

SCRIPT = Path(__file__).resolve().parents[2] / "data" / "plan_like.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan-like")
    subprocess.run([sys.executable, str(SCRIPT), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def records(folder: Path) -> list[dict[str, Any]]:
    texts = [(folder / f"{name}.jsonl").read_text(encoding="utf-8") for name in ("train", "test")]
    return [json.loads(line) for text in texts for line in text.rstrip("\n").split("\n")]


def test_it_has_what_is_odd_in_the_plan_s_file(records: list[dict[str, Any]]) -> None:
    times = Counter(one["id"] for one in records)
    assert (len(records), sum(count > 1 for count in times.values())) == (773, 44)
    assert max(times.values()) == 16
    lengths = [len(one["text"]) for one in records]
    assert 430 < sum(lengths) / len(lengths) < 480
    assert 4000 < max(lengths) <= 4270
    missing = [
        string
        for one in records
        for strings in one["entities"].values()
        for string in strings
        if string not in one["text"]
    ]
    assert len(missing) == 64


def test_it_is_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], check=True)
    for name in ("train.jsonl", "test.jsonl"):
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes()


def test_every_document_is_read_and_those_of_one_id_stay_on_one_side(
    folder: Path, records: list[dict[str, Any]]
) -> None:
    examples = read_examples(folder / "train.jsonl")
    assert [one.id for one in examples] == [one["id"] for one in records[:696]]
    train, dev = split_dev(examples, 0.1, 42)
    assert len(train) + len(dev) == 696
    assert len(dev) == pytest.approx(70, abs=8)
    assert not {one.id for one in train} & {one.id for one in dev}
    assert repeated_ids(examples)
