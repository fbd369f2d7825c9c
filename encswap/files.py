"""Files: the only place that moves one into place, removes one, or locks.

What is written lies beside its place under a name that ends in `.writing`, is synced to the disk
and then moved. Its writer holds it locked, and the kernel lets go when the writer dies, however it
dies: so whoever comes next tells what a dead process left from what a live one writes, and removes
only the first.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from encswap.errors import EncswapError, InputError, SourceError

LONGEST = 120  # bytes of a name that go into a temporary one: 255 are the limit
UNWRITABLE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM),
    *(errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EBUSY, errno.ENOTEMPTY),
)


# What torch and safetensors say where the system gave them no room.
WRITE_SIGNS = ("PytorchStreamWriter", "inline_container", "file write failed", "I/O error")
_TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.writing")
_SCRATCH = re.compile(r"encswap-.+\.writing")


class HeldError(EncswapError):
    """Another process holds the lock."""


# Writing


def write_bytes(path: Path, content: bytes, *, new: bool = False) -> None:
    """Write a file in one step; `new` refuses a place that is taken, with `FileExistsError`."""
    with _moved_file(path, new) as file:
        file.write(content)


def write_text(path: Path, text: str, *, new: bool = False, errors: str = "strict") -> None:
    """Write a text in UTF-8, in one step."""
    write_bytes(path, text.encode("utf-8", errors), new=new)


def write_json(path: Path, value: Any) -> None:
    """Write JSON in one step, so that a reader never sees half of it; NaN is refused."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def copy_file(source: Path, path: Path) -> None:
    """Copy a file in one step, in portions."""
    with source.open("rb") as file, _moved_file(path, new=False) as written:
        while portion := file.read(2**20):
            written.write(portion)


def write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON Lines in one step."""
    with _moved_file(path, new=False) as file:
        for record in records:
            file.write((json.dumps(record, ensure_ascii=False) + "\n").encode())


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a stream whose content gets the name `path` at the end, never over another file."""
    with _moved_file(path, new=True) as file:
        yield file


@contextmanager
def _moved_file(path: Path, new: bool) -> Iterator[IO[bytes]]:
    clean(path.parent, path.name)
    beside, file = _begin_file(path)
    with file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if new:
                _publish(beside, path)
            else:
                beside.replace(path)
        finally:
            with suppress(OSError):
                beside.unlink()
    sync_folder(path.parent)


def unfinished(path: Path) -> Path:
    """Where a file stands that can be gone on with, until it is whole."""
    return path.with_name(f"{path.name}.unfinished")


@contextmanager
def continued_file(
    path: Path, about: Mapping[str, Any], keep: Callable[[int], int]
) -> Iterator[tuple[IO[bytes], int]]:
    """Go on with an unfinished file of lines, or begin it; at the end it gets the name `path`.

    Yields the stream and how many lines stay: `keep` of the whole ones that are there. `about` says
    what the lines are made of. Raises `InputError` where it is not what the file was begun with,
    `HeldError` where another process writes it, and `FileExistsError` for a `path` that is taken.
    What is cut off stays for the next time, but for an `InputError`: its input must change.
    """
    place, told = unfinished(path), path.with_name(f"{path.name}.unfinished.json")
    if os.path.lexists(path):
        raise FileExistsError(path)
    if place.is_symlink():
        raise InputError("is a link; it is not written through", where=place)
    if place.exists():
        _refuse_other(place, recall(told, kind=dict) or {}, about)
    with place.open("r+b" if place.exists() else "x+b") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HeldError("another process writes it", where=place) from error
        write_json(told, dict(about))
        try:
            yield file, _cut_lines(file, keep)
            file.flush()
            os.fsync(file.fileno())
            _publish(place, path)
        except InputError:
            place.unlink(missing_ok=True)
            told.unlink(missing_ok=True)
            raise
    place.unlink(missing_ok=True)
    told.unlink(missing_ok=True)
    sync_folder(path.parent)


def _refuse_other(place: Path, known: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    other = [key for key in about if known.get(key) != about[key]]
    if other:
        raise InputError(
            f"was begun with another {', '.join(other)}",
            where=place,
            hint="repeat the command it was begun with, or remove the file",
        )


def _cut_lines(file: IO[bytes], keep: Callable[[int], int]) -> int:
    """Leave of a file so many of its whole lines as `keep` says, and stand behind them."""
    wanted = keep(sum(line.endswith(b"\n") for line in file))
    file.seek(0)
    for _ in range(wanted):
        file.readline()
    file.truncate(file.tell())
    return wanted


def _begin_file(path: Path) -> tuple[Path, IO[bytes]]:
    while True:
        beside = _beside(path)
        file = beside.open("xb")
        _lock(file.fileno())
        if _is_named(file.fileno(), beside):
            return beside, file
        file.close()  # removed as a dead one's in the moment before it was locked


def _publish(beside: Path, path: Path) -> None:
    """Give a finished file its name, never over another one."""
    try:
        os.link(beside, path)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems have no hard links: there the name is taken first, then written over.
        with path.open("xb"):
            pass
        beside.replace(path)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` that is moved there at the end, if the block ends well.

    Raises `InputError` where something has taken the place meanwhile.
    """
    with _beside_folder(path) as beside:
        yield beside
        sync_tree(beside)
        try:
            beside.rename(path)  # over an empty folder the system lets it, over a full one not
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            raise InputError("exists; nothing is overwritten", where=path) from error
        sync_folder(path.parent)


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` that takes its place at the end.

    At every moment one whole folder is there: `path`, or the one before it, which `recover` finds.
    """
    recover(path)
    with _beside_folder(path) as beside:
        yield beside
        sync_tree(beside)
        exchange(beside, path)
        _remove_tree(old_of(path))


def exchange(written: Path, path: Path) -> None:
    """Move a synced folder to `path`; what lay there goes to `old_of(path)` and stays."""
    if path.is_dir():
        _remove_tree(old_of(path))
        path.rename(old_of(path))
    written.rename(path)
    sync_folder(path.parent)


def old_of(path: Path) -> Path:
    """Where a folder goes that another one replaces."""
    return path.with_name(f".{path.name}.old")


def recover(path: Path) -> None:
    """Put back what a process moved away that died before it had put another folder there."""
    if not path.exists() and old_of(path).is_dir():
        old_of(path).rename(path)
        sync_folder(path.parent)


@contextmanager
def _beside_folder(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    clean(path.parent, path.name)

    def make() -> Path:
        beside = _beside(path)
        beside.mkdir()
        return beside

    with _held_folder(make) as beside:
        yield beside


@contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """Yield a folder in the system's place for temporary ones; those of dead processes go first."""
    _clean(Path(tempfile.gettempdir()), _SCRATCH)

    def make() -> Path:
        return Path(tempfile.mkdtemp(prefix=f"encswap-{purpose}-", suffix=".writing"))

    with _held_folder(make) as folder:
        yield folder


def _beside(path: Path) -> Path:
    """A name beside `path` that no other process takes, recognisable as of `path`."""
    return path.with_name(f".{_stem(path.name)}.{os.getpid()}-{secrets.token_hex(4)}.writing")


def _stem(name: str) -> str:
    if len(raw := name.encode()) <= LONGEST:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:16]
    return raw[: LONGEST - 17].decode("utf-8", "ignore") + "-" + digest


@contextmanager
def _held_folder(make: Callable[[], Path]) -> Iterator[Path]:
    """Make a folder, hold it locked, and remove it at the end where it still lies there."""
    while True:
        folder = make()
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # removed as a dead one's in the moment before it was locked
        try:
            _lock(descriptor)
            if not _is_named(descriptor, folder):
                continue
            try:
                yield folder
            finally:
                _remove_tree(folder)
            return
        finally:
            os.close(descriptor)


# Cleaning


def is_temporary(name: str) -> bool:
    """Tell whether a name is one under which encswap writes."""
    return _TEMPORARY.fullmatch(name) is not None


def clean(folder: Path, target: str | None = None) -> None:
    """Remove what dead processes were writing in `folder`, of one target or of all."""
    if target is None:
        _clean(folder, _TEMPORARY)
        return
    stem = re.escape(f".{_stem(target)}.")
    _clean(folder, re.compile(rf"{stem}(\d+-[0-9a-f]{{8}}\.)?writing"))


def _clean(folder: Path, names: re.Pattern[str]) -> None:
    with suppress(OSError):
        for entry in os.scandir(folder):
            if names.fullmatch(entry.name):
                _remove_if_dead(Path(entry.path))


def _remove_if_dead(path: Path) -> None:
    """Remove what no live process holds; where the system cannot tell, it stays."""
    with suppress(OSError):
        if path.lstat().st_uid != os.getuid() or path.is_symlink():
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove_tree(path) if path.is_dir() else path.unlink()
        finally:
            os.close(descriptor)


def remove(path: Path, root: Path) -> None:
    """Remove a file or a folder that lies in `root`; a link goes, what it names stays.

    Raises `SourceError` for a path that leads elsewhere.
    """
    inside(root, path.parent)
    if path.is_dir() and not path.is_symlink():
        _remove_tree(path)
    else:
        with suppress(FileNotFoundError):
            path.unlink()


def _remove_tree(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)


def inside(root: Path, path: Path) -> Path:
    """Resolve a path; `SourceError` where it lies outside `root`."""
    found = path.resolve()
    if not found.is_relative_to(root.resolve()):
        raise SourceError(f"leads out of {root}", where=path)
    return found


def relative_name(name: str) -> str:
    """Take a file's name from elsewhere only where it stays below the folder it is put in.

    Refused with `SourceError`: absolute ones, those with `..` or an empty part, a backslash, a
    drive, control characters, on every system alike.
    """
    parts = name.split("/")
    odd = any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000 for char in name)
    if odd or "\\" in name or ":" in name or any(part in ("", ".", "..") for part in parts):
        raise SourceError(f"{name[:100]!r} is no file's name that is safe to write")
    if any(len(part.encode()) > 255 for part in parts):
        raise SourceError(f"{name[:40]!r}… is too long for a file's name")
    return name


# Locks


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock file `path`; raises `HeldError` where another process does, unless `wait`.

    The kernel lets go when the process dies. The holder removes the file while it still holds it:
    filelock refuses a link, and a lock on a file whose name was removed meanwhile (since 3.24).
    """
    import filelock

    try:
        with filelock.FileLock(path, timeout=-1 if wait else 0):
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
    except filelock.Timeout as error:
        raise HeldError("another process holds it", where=path) from error


def _is_named(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> None:
    """Mark what is being written as alive, where the file system has locks."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # at most a cleaner holds it, for a moment


# Disk and checksums


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk, where the file system knows how."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Bring everything in a folder to the disk; raises `OSError` where a file cannot be."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
        elif not path.is_symlink():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    sync_folder(folder)


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(folder: Path, *, without: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
    """Size in bytes and SHA-256 of every file in a folder, by its path relative to it."""
    left_out = set(without)
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in left_out:
            found[name] = {"size": path.stat().st_size, "sha256": checksum(path)}
    return found


def first_fault(folder: Path, known: Mapping[str, Mapping[str, Any]]) -> str:
    """Say what is wrong with the first file that is not as `checksums` found it; else nothing.

    Sizes are compared first: a cut file is found before a byte of a whole one is read.
    """
    for name, one in known.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != one["size"]:
            return f"{name} has {path.stat().st_size} bytes, not {one['size']}"
    for name, one in known.items():
        if checksum(folder / name) != one["sha256"]:
            return f"{name} has another checksum"
    return ""


def why_unwritable(error: BaseException) -> str:
    """Say in a few words why a write failed; empty where the error is another kind.

    safetensors and torch raise errors of their own, in which the system's is a part of the text.
    """
    if isinstance(error, EncswapError):
        return ""
    number = getattr(error, "errno", None)
    if isinstance(error, OSError) and number in UNWRITABLE:
        return os.strerror(number)
    text = str(error)
    if not any(sign in text for sign in WRITE_SIGNS):
        return ""
    if "inline_container" in text or "PytorchStreamWriter" in text:
        return "a state found no room"
    return text.rpartition("I/O error: ")[2].splitlines()[0]


@contextmanager
def one_line(where: Path, hint: str = "") -> Iterator[None]:
    """Turn a failed write into an `InputError` of one line."""
    try:
        yield
    except EncswapError:
        raise
    except Exception as error:
        reason = why_unwritable(error)
        if not reason:
            raise
        raise InputError(f"cannot be written: {reason}", where=where, hint=hint) from error


CACHE_VARIABLE = "ENCSWAP_CACHE"


def cache_root() -> Path:
    """Return the cache folder: `ENCSWAP_CACHE`, else `encswap` in the user's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "encswap"


def remember(path: Path, value: Any) -> None:
    """Write JSON in one step; a cache that cannot be written is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(value))
    except OSError:
        return


def recall(path: Path, *, max_age: float | None = None, kind: type = object) -> Any:
    """Read what was remembered at most `max_age` seconds ago; None where it is no `kind`.

    What claims to have been written in the future is not believed: it would stay true until then.
    """
    try:
        if max_age is not None and not 0 <= time.time() - path.stat().st_mtime <= max_age:
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, kind) else None
