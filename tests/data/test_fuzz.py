"""Every reader against files that something has happened to: read as what they are, or refused."""

from __future__ import annotations

import importlib.util
import random
import sys
import time
from pathlib import Path

import pytest

from encswap.data.readers import open_examples
from encswap.errors import EncswapError

LONGEST = 2.0
"""Seconds that reading a small file may take."""


def _load_fuzzing():
    spec = importlib.util.spec_from_file_location("fuzzing", Path(__file__).with_name("fuzzing.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


fuzzing = _load_fuzzing()
NAMES = sorted(fuzzing.GENERATORS)


def read_as(content: bytes, path: Path) -> str | None:
    """Return the format as which a file is read to its end; None where it is refused."""
    path.write_bytes(content)
    try:
        reading = open_examples(path)
        reading.read()
    except EncswapError as error:
        assert "\n" not in str(error)
        return None
    return reading.format.name


@pytest.mark.parametrize("name", NAMES)
def test_a_file_as_it_is_generated_is_read_as_itself(name: str, tmp_path: Path):
    generate, known = fuzzing.GENERATORS[name]
    for seed in range(20):
        content = generate(random.Random(seed)).encode()
        assert read_as(content, tmp_path / "file") in known, content.decode()


def try_all(name: str, seeds: range, path: Path) -> None:
    known = fuzzing.GENERATORS[name][1]
    for seed in seeds:
        content = fuzzing.mutated(name, seed)
        begun = time.monotonic()
        found = read_as(content, path)
        assert time.monotonic() - begun < LONGEST, (name, seed)
        shown = content[:2000].decode("utf-8", "replace")
        assert found is None or found in known, (name, seed, found, shown)


@pytest.mark.parametrize("name", NAMES)
def test_a_mutated_file_is_read_as_itself_or_refused(name: str, tmp_path: Path):
    try_all(name, range(500 // len(NAMES) + 1), tmp_path / "file")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_ten_thousand_mutated_files_are_read_as_themselves_or_refused(name: str, tmp_path: Path):
    try_all(name, range(10_000, 10_000 + 10_000 // len(NAMES) + 1), tmp_path / "file")
