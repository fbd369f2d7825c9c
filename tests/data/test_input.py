"""An input is opened once: a file, gzip, a pipe and standard input give the same documents."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from encswap.data.input import LONGEST_LINE, Input, checksum_of
from encswap.data.readers import open_examples, read_examples
from encswap.errors import InputError

COUNT = 700


def records(count: int = COUNT) -> bytes:
    lines = (
        json.dumps(
            {"id": str(n), "text": f"암 {n} " + "가" * 400, "entities": {"D": ["암"]}},
            ensure_ascii=False,
        )
        for n in range(count)
    )
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.fixture
def piped(tmp_path: Path) -> Iterator[Path]:
    """A FIFO into which documents come in small pieces."""
    path = tmp_path / "fifo"
    os.mkfifo(path)

    def write() -> None:
        content = records()
        with path.open("wb", buffering=0) as stream:
            for at in range(0, len(content), 4001):
                stream.write(content[at : at + 4001])

    thread = threading.Thread(target=write)
    thread.start()
    yield path
    thread.join(timeout=10)


def test_a_pipe_loses_nothing_and_its_checksum_is_that_of_the_file(piped: Path) -> None:
    reading = open_examples(piped)
    found = reading.read()
    assert [one.id for one in found] == [str(n) for n in range(COUNT)]
    assert reading.checksum() == hashlib.sha256(records()).hexdigest()


def test_gzip_is_unpacked_and_hashed_as_it_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl.gz"
    path.write_bytes(gzip.compress(records(5)) + gzip.compress(records(3)))
    reading = open_examples(path)
    assert len(reading.read()) == 8
    assert reading.checksum() == hashlib.sha256(path.read_bytes()).hexdigest()
    assert checksum_of(path) == reading.checksum()
    rows = tmp_path / "g.conll.gz"
    rows.write_bytes(gzip.compress(b"Insulin\tB-D\nhelps\tO\n"))
    (found,) = read_examples(rows)
    assert (found.id, found.text) == ("g:1", "Insulin helps")


def run(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ENCSWAP": f"{sys.executable} -m encswap"}
    return subprocess.run(
        ["bash", "-c", command, "bash", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "cat $1 | $ENCSWAP data inspect - -s char --format json",
        "cat $1 | $ENCSWAP data inspect /dev/stdin -s char --format json",
        "$ENCSWAP data inspect - -s char --format json < $1",
        "$ENCSWAP data inspect <(gzip -c $1) -s char --format json",
        "$ENCSWAP data inspect <(cat $1) -s char --format json",
    ],
)
def test_every_way_into_a_command_counts_every_document(command: str, tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_bytes(records())
    done = run(command, str(path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["examples"] == COUNT


@pytest.mark.slow
def test_convert_writes_every_document_of_a_pipe(tmp_path: Path) -> None:
    path, out = tmp_path / "f.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(records())
    done = run("cat $1 | $ENCSWAP data convert - $2 --to spans", str(path), str(out))
    assert done.returncode == 0, done.stderr
    assert len(read_examples(out)) == COUNT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\0b\tO\n", "NUL"),
        (b"\0" * 300_000, "NUL"),
        ("암\tO\n".encode("utf-16"), "UTF-16"),
        (b"\x1f\x8b\x08\x00 no gzip", "gzip"),
        (gzip.compress(records(200))[:-900], "gzip"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_examples(path)
    assert "\n" not in str(caught.value)


def test_an_endless_file_is_refused_at_once() -> None:
    begun = time.monotonic()
    with pytest.raises(InputError, match="NUL"):
        read_examples("/dev/zero")
    assert time.monotonic() - begun < 2


def test_a_line_of_more_than_64_mib_is_refused_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    with path.open("wb") as stream:
        stream.write(records(1))
        stream.write(b'{"text": "')
        for _ in range((LONGEST_LINE >> 20) + 1):
            stream.write(b"x" * (1 << 20))
    with pytest.raises(InputError, match="longer than 64 MiB") as caught:
        read_examples(path)
    assert caught.value.where == f"{path}:2"


def test_the_head_takes_nothing_away_and_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\r\ntwo\n" + b"x" * 300_000 + b"\nlast")
    with Input(path) as source:
        assert [number for number, _ in source.head.lines] == [1, 2, 3]
        lines = list(source.lines())
    assert lines[:3] == [(1, "one"), (2, ""), (3, "two")]
    assert [(number, len(line)) for number, line in lines[3:]] == [(4, 300_000), (5, 4)]


def test_a_folder_has_a_checksum_that_its_content_and_its_names_change(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    first = checksum_of(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert checksum_of(tmp_path) != first
