"""What is written is whole or not there, what is held is held once, what is left is found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from encswap import files
from encswap import files as cache
from encswap.errors import InputError, SourceError


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def killed(code: str, *arguments: object) -> None:
    """Run code until it says a line, then kill it."""
    process = run_python(code, *arguments)
    assert process.stdout is not None and process.stdout.readline()
    process.kill()
    process.communicate()


WRITES_A_FILE = """
    import sys, time
    from pathlib import Path
    from encswap import files
    with files.new_file(Path(sys.argv[1])) as file:
        file.write(b"half"); file.flush()
        print("writing", flush=True)
        sys.stdin.readline()
"""
WRITES_A_FOLDER = """
    import sys
    from pathlib import Path
    from encswap import files
    with files.new_folder(Path(sys.argv[1])) as beside:
        (beside / "model").write_bytes(b"half")
        print("writing", flush=True)
        sys.stdin.readline()
"""
USES_SCRATCH = """
    import sys
    from encswap import files
    with files.scratch("proof") as folder:
        (folder / "model").write_bytes(b"half")
        print(folder, flush=True)
        sys.stdin.readline()
"""


def test_a_file_that_is_written_replaces_another_and_leaves_nothing(tmp_path: Path):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    files.write_json(path, {"a": "가"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": "가"}
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_a_new_file_is_never_put_over_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.txt"
    for links in (True, False):
        if not links:
            monkeypatch.setattr(os, "link", _no_links)
            path = tmp_path / "b.txt"
        files.write_text(path, "first", new=True)
        with pytest.raises(FileExistsError):
            files.write_text(path, "second", new=True)
        assert path.read_text() == "first"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.txt", "b.txt"]


def _no_links(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_value_that_is_no_json_leaves_the_file_as_it_was(tmp_path: Path):
    path = tmp_path / "a.json"
    files.write_json(path, [1])
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, float("nan"))
    assert path.read_text() == "[\n  1\n]\n" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["x" * 255, "가" * 85, "a b.json", ".hidden", "x.writing"])
def test_any_name_that_a_file_can_have_is_written(tmp_path: Path, name: str):
    files.write_text(tmp_path / name, "text")
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("code", [WRITES_A_FILE, WRITES_A_FOLDER])
def test_what_a_dead_process_left_is_removed_and_what_a_live_one_writes_is_not(
    tmp_path: Path, code: str
):
    target = tmp_path / "out"
    killed(code, target)
    (left,) = tmp_path.iterdir()
    assert files.is_temporary(left.name)
    live = run_python(code, target)
    assert live.stdout is not None and live.stdout.readline()
    assert not left.exists()
    files.clean(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    live.communicate("\n")
    assert live.returncode == 0 and target.exists()
    assert list(tmp_path.iterdir()) == [target]


def test_a_scratch_folder_of_a_dead_process_goes_when_the_next_one_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    live = run_python(USES_SCRATCH)
    assert live.stdout is not None
    alive = Path(live.stdout.readline().strip())
    killed(USES_SCRATCH)
    (tmp_path / "encswap-notes.txt").write_text("mine")
    assert len(list(tmp_path.glob("encswap-proof-*"))) == 2
    with files.scratch("trim") as folder:
        assert set(tmp_path.glob("encswap-*.writing")) == {folder, alive}
    live.communicate("\n")
    assert [one.name for one in tmp_path.iterdir()] == ["encswap-notes.txt"]


def test_a_temporary_name_that_is_a_link_never_leads_cleaning_elsewhere(tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "precious").write_text("keep me")
    work = tmp_path / "work"
    work.mkdir()
    (work / ".out.1-00000000.writing").symlink_to(home)
    files.clean(work)
    files.write_text(work / "out", "text")
    assert (home / "precious").read_text() == "keep me"


def test_a_new_folder_takes_an_empty_place_and_no_other(tmp_path: Path):
    out = tmp_path / "out"
    out.mkdir()
    with files.new_folder(out) as beside:
        (beside / "model").write_text("1")
    assert (out / "model").read_text() == "1"
    with pytest.raises(InputError, match="nothing is overwritten"), files.new_folder(out) as beside:
        (beside / "model").write_text("2")
    assert (out / "model").read_text() == "1" and list(tmp_path.iterdir()) == [out]


def test_a_folder_is_replaced_with_one_whole_copy_at_every_moment(tmp_path: Path):
    path = tmp_path / "checkpoint"
    for text in ("1", "2"):
        with files.replaced_folder(path) as beside:
            (beside / "model").write_text(text)
    assert (path / "model").read_text() == "2" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(RuntimeError), files.replaced_folder(path):
        raise RuntimeError
    assert (path / "model").read_text() == "2" and list(tmp_path.iterdir()) == [path]
    path.rename(files.old_of(path))  # as a process leaves it that dies between the two moves
    files.recover(path)
    assert (path / "model").read_text() == "2"


def test_only_what_lies_inside_is_removed(tmp_path: Path):
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (other / "precious").write_text("keep me")
    (root / "link").symlink_to(other)
    for path in (
        root / ".." / "other" / "precious",
        other / "precious",
        root / "link" / "precious",
    ):
        with pytest.raises(SourceError, match="leads out of"):
            files.remove(path, root)
    files.remove(root / "link", root)
    assert not (root / "link").is_symlink()
    assert (other / "precious").read_text() == "keep me"
    files.remove(root / "gone", root)


BAD_NAMES = [
    *("", ".", "..", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a/."),
    *("a\\b", "..\\x", "C:x", "C:\\x", "//host/share", "a\0b", "a\nb", "a\x1b[2Jb", "\ud800"),
    *("x" * 256, "a/" + "가" * 100),
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_a_name_that_leads_elsewhere_is_refused(name: str):
    with pytest.raises(SourceError):
        files.relative_name(name)


@pytest.mark.parametrize("name", ["config.json", "a/b.json", "..a", "a..b", "한국.txt", "a b"])
def test_a_name_that_stays_below_is_taken(name: str):
    assert files.relative_name(name) == name


def test_the_first_difference_of_a_folder_from_its_sums_is_named(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("abc")
    (tmp_path / "b").write_text("")
    known = files.checksums(tmp_path)
    assert list(known) == ["b", "in/a"] and known["in/a"]["size"] == 3
    assert files.first_fault(tmp_path, known) == ""
    (tmp_path / "in" / "a").write_text("abd")
    assert files.first_fault(tmp_path, known) == "in/a has another checksum"
    (tmp_path / "in" / "a").write_text("ab")
    assert files.first_fault(tmp_path, known) == "in/a has 2 bytes, not 3"
    (tmp_path / "b").unlink()
    assert files.first_fault(tmp_path, known) == "b is missing"


HOLDS = """
    import sys
    from pathlib import Path
    from encswap import files
    with files.locked(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.readline()
"""


def test_a_lock_is_held_once_and_ends_with_its_process(tmp_path: Path):
    path = tmp_path / ".lock"
    process = run_python(HOLDS, path)
    assert process.stdout is not None and process.stdout.readline()
    with pytest.raises(files.HeldError, match="another process"), files.locked(path):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert path.is_file()
    with files.locked(path):
        assert path.is_file()
    assert not path.exists()


COUNTS = """
    import sys
    from pathlib import Path
    from encswap import files
    lock, number = Path(sys.argv[1]), Path(sys.argv[2])
    for _ in range(int(sys.argv[3])):
        with files.locked(lock, wait=True):
            number.write_text(str(int(number.read_text()) + 1))
"""


def test_nobody_holds_a_lock_whose_name_was_removed_beside_one_who_holds_its_successor(
    tmp_path: Path,
):
    lock, number = tmp_path / ".lock", tmp_path / "number"
    number.write_text("0")
    others = [run_python(COUNTS, lock, number, 150) for _ in range(4)]
    for other in others:
        other.communicate(timeout=120)
        assert other.returncode == 0
    assert number.read_text() == "600"
    assert not lock.exists()


def test_a_lock_is_no_link_to_a_file_of_somebody_else(tmp_path: Path):
    (tmp_path / "precious").write_text("keep me")
    (tmp_path / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError), files.locked(tmp_path / ".lock"):
        pass
    assert (tmp_path / "precious").read_text() == "keep me"


@pytest.mark.parametrize(("age", "known"), [(0, True), (20, True), (60, False), (-3600, False)])
def test_a_note_of_the_past_is_believed_for_a_while_and_one_of_the_future_never(
    tmp_path: Path, age: float, known: bool
):
    note = tmp_path / "note.json"
    cache.remember(note, {"reason": "unreachable"})
    os.utime(note, (time.time() - age, time.time() - age))
    assert (cache.recall(note, max_age=30) is not None) == known


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(2, "No such file"), ""),
        (RuntimeError("PytorchStreamWriter failed writing file data/1"), "a state found no room"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "No space left"),
        (RuntimeError("shapes differ"), ""),
        (InputError("I/O error: as a person wrote it"), ""),
    ],
)
def test_why_a_write_failed_is_told_from_the_error_of_any_library(error: Exception, said: str):
    assert files.why_unwritable(error).startswith(said) and bool(said) == bool(
        files.why_unwritable(error)
    )
