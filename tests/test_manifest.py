"""The manifest says what a checkpoint is made of, and reads back as itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from encswap.errors import SourceError
from encswap.files import checksum
from encswap.manifest import (
    MANIFEST,
    Manifest,
    ModelRecord,
    SplitterRecord,
    describe_splitter,
    read_manifest,
    write_manifest,
)

RECORD = Manifest(
    encswap="0.1.0",
    base=ModelRecord("base", "org/base", "abc"),
    encoder=ModelRecord("new", "org/new", "def"),
    splitter=SplitterRecord("char", {"size": 1}, {"analyser": "1.2"}),
    max_width=12,
    threshold=0.4,
    origins={"kept": 10, "mean": 2},
    labels=("Disease",),
    remarks=("a remark",),
)


def test_a_manifest_reads_back_as_itself(tmp_path: Path):
    write_manifest(RECORD, tmp_path)
    assert read_manifest(tmp_path) == RECORD


def test_keys_that_a_later_version_adds_are_passed_over(tmp_path: Path):
    path = write_manifest(RECORD, tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "new_key": 1}))
    assert read_manifest(tmp_path) == RECORD


@pytest.mark.parametrize("content", ["", "{", "[]", '{"base": 1}', '{"encswap": "0.1.0"}'])
def test_a_broken_manifest_names_its_file(tmp_path: Path, content: str):
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(SourceError, match=MANIFEST):
        read_manifest(tmp_path)


def test_a_folder_without_one_says_what_to_do(tmp_path: Path):
    with pytest.raises(SourceError, match="AutoExtractor"):
        read_manifest(tmp_path)


class Listed:
    """A splitter that takes a file, and says so."""

    def __init__(self, words: Path) -> None:
        self.words = words

    def describe(self) -> dict[str, str]:
        return {"analyser": "1.0", "words_sha256": checksum(self.words)}


def test_a_file_of_the_splitter_is_copied_and_taken_where_the_own_is_gone(tmp_path: Path):
    words = tmp_path / "words.txt"
    words.write_text("one\n")
    told = describe_splitter("listed", Listed(words), {"words": str(words), "fast": True})
    assert set(told.files) == {"words"}
    folder = tmp_path / "run"
    folder.mkdir()
    write_manifest(replace(RECORD, splitter=told), folder)
    back = read_manifest(folder).splitter
    assert back.options_at(folder) == {"words": str(words), "fast": True}
    words.write_text("other\n")
    copy = folder / "splitter-words.txt"
    assert back.options_at(folder)["words"] == str(copy)
    assert copy.read_text() == "one\n"
    words.unlink()
    assert back.options_at(folder)["words"] == str(copy)
