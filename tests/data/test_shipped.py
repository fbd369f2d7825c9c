"""The shipped sets are what their card says, and what their generator writes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
SHARES = {"Disease": 0.50, "Drug": 0.26, "Procedure": 0.14, "Biomarker": 0.10}
PARTICLES = tuple("은는이가을를에의로과와도")


def examples(part: str, language: str = "ko"):
    return read_examples(find_data(f"{language}-medical/{part}.jsonl"))


def test_the_generator_writes_these_very_bytes():
    subprocess.run([sys.executable, str(DATA / "generate.py"), "--check"], check=True)


def test_the_checksums_are_those_of_the_files():
    for line in (DATA / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest


def test_there_are_as_many_documents_as_the_plan_has():
    assert (len(examples("train")), len(examples("test"))) == (696, 77)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("language", ["ko", "en"])
def test_labels_stand_in_the_plan_s_proportions(part: str, language: str):
    labels = Counter(m.label for one in examples(part, language) for m in one.mentions)
    for label, share in SHARES.items():
        assert labels[label] / labels.total() == pytest.approx(share, abs=0.025)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_particle_stands_directly_on_at_least_half_of_the_mentions(part: str):
    after = [one.text[m.end : m.end + 1] for one in examples(part) for m in one.mentions]
    assert sum(char in PARTICLES for char in after) >= len(after) / 2


def test_at_least_half_of_the_test_s_names_are_new():
    known = {m.text for one in examples("train") for m in one.mentions}
    names = {m.text for one in examples("test") for m in one.mentions}
    assert len(names - known) >= len(names) / 2


def test_no_document_stands_twice_or_in_both_parts():
    texts = [one.text for part in ("train", "test") for one in examples(part)]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    "path", sorted(DATA.glob("*-medical/*.jsonl")), ids=lambda path: str(path.name)
)
def test_every_listed_string_is_in_its_text_and_normalised(path: Path):
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        assert unicodedata.is_normalized("NFC", line)
        strings = [text for listed in record["entities"].values() for text in listed]
        assert strings and all(text in record["text"] for text in strings)
        assert len(strings) == len(set(strings))


def test_a_set_that_is_not_shipped_lists_those_that_are():
    with pytest.raises(InputError, match=r"ko-medical/test\.jsonl"):
        find_data("nothing.jsonl")
