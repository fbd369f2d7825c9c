"""An input of examples, opened once: a file, a pipe, standard input, or something that is no text.

Recognition looks at a head, and reading goes on from there, so that a pipe loses nothing. Bytes
are hashed as they pass, so that a checksum needs no second read.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self, cast

from encswap.errors import InputError, located
from encswap.files import checksum

HEAD = 1 << 17
LONGEST_LINE = 64 << 20
LARGEST_WHOLE = 2 << 30
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_HUB = re.compile(r"hf:[^/\s]")
Kind = Literal["stream", "folder", "hub"]


@dataclass(frozen=True)
class Head:
    """The beginning of an input, as formats judge it.

    `start` holds its first bytes, unpacked and without a byte-order mark; `lines` are the whole
    lines in it with their numbers, as far as they are text; `complete` says that nothing follows.
    A folder and a data set of the hub have neither bytes nor lines.
    """

    path: Path
    kind: Kind
    start: bytes = b""
    lines: tuple[tuple[int, str], ...] = ()
    complete: bool = True

    @cached_property
    def text(self) -> str:
        """The first bytes as text, as far as they are UTF-8."""
        try:
            return self.start.decode("utf-8")
        except UnicodeDecodeError as error:
            return self.start[: error.start].decode("utf-8")

    @property
    def first(self) -> tuple[int, str]:
        """The first line that is not blank; line 0 where there is none."""
        return next((one for one in self.lines if one[1].strip()), (0, ""))


class Input:
    """Something to read examples from: `-` is standard input, `hf:…` a data set of the hub.

    Gzip is unpacked, by its magic bytes. Raises InputError where it cannot be opened.
    """

    def __init__(self, source: str | Path) -> None:
        text = str(source)
        self.path = Path("stdin") if text == "-" else Path(source)
        self.kind: Kind = "stream"
        self._hashed: _Hashed | None = None
        self._digest: str | None = None
        self._count = 0
        self._trouble: InputError | None = None
        if is_hub(text):
            self.kind = "hub"
        elif text != "-" and self.path.is_dir():
            self.kind = "folder"
        else:
            try:
                self._open(text)
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def stem(self) -> str:
        """The name of the file without its ending, of which ids are made."""
        name = self.path.name.removesuffix(".gz") if self.path.suffix == ".gz" else self.path.name
        return Path(name).stem if name else str(self.path)

    def where(self, line: int | None = None) -> str:
        """Return a place in it as `file:line`."""
        return located(self.path, line)

    def error(self, message: str, hint: str = "", *, line: int | None = None) -> InputError:
        """Build an InputError that names a line of it."""
        return InputError(message, where=self.where(line), hint=hint)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield `(number, line)` from 1, without line ends.

        LF and CRLF end a line, and CR in a file that has no LF. Raises InputError where the input
        is empty, not UTF-8, holds NUL bytes or a line that is longer than 64 MiB.
        """
        for raw in self._raw_lines():
            yield self._count, self._decoded(raw)
        if not self._count:
            raise self._nothing()

    def whole(self) -> bytes:
        """Return all its bytes, unpacked, of which there may be 2 GiB."""
        with self._reading():
            found = self._stream.read(LARGEST_WHOLE + 1)
        if len(found) > LARGEST_WHOLE:
            raise self.error("larger than 2 GiB", "divide the file")
        if not found:
            raise self._nothing()
        return found

    @property
    def trouble(self) -> InputError | None:
        """Why the head is no text, None where it is."""
        return self._trouble

    def checksum(self) -> str:
        """Return the SHA-256 of its bytes as they are stored, in hexadecimal.

        Of a folder, that of its files with their names; of a data set of the hub, of its name.
        """
        if self._digest is None:
            with self._reading():
                self._digest = self._computed()
        return self._digest

    def close(self) -> None:
        """Close it; standard input stays open."""
        if self._hashed is not None and self.path != Path("stdin"):
            self._hashed.close()

    @cached_property
    def head(self) -> Head:
        """The beginning; looking at it takes nothing away from what is read."""
        if self.kind != "stream":
            return Head(self.path, self.kind)
        complete = len(self._start) < self._wanted
        lines: list[tuple[int, str]] = []
        raw = self._start.replace(b"\r", b"\n") if self._is_old_mac else self._start
        parts = raw.split(b"\n")
        if not complete or not parts[-1]:
            parts.pop()
        for number, part in enumerate(parts, start=1):
            try:
                lines.append((number, self._decoded(part, number)))
            except InputError as error:
                self._trouble = error
                break
        if self._trouble is None and not lines and b"\0" in self._start:
            self._trouble = self.error("holds NUL bytes: this is no text", "give a text file")
        return Head(self.path, "stream", self._start, tuple(lines), complete)

    def _computed(self) -> str:
        if self._hashed is not None:
            return self._hashed.finish()
        digest = hashlib.sha256()
        if self.kind == "hub":
            digest.update(str(self.path).encode())
        for path in sorted(one for one in self.path.rglob("*") if one.is_file()):
            digest.update(f"{path.relative_to(self.path).as_posix()}\0".encode())
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()

    def _open(self, text: str) -> None:
        with self._reading():
            # No buffer of its own: what a pipe has given is passed on at once.
            raw = sys.stdin.buffer if text == "-" else self.path.open("rb", buffering=0)
            self._hashed = _Hashed(cast(BinaryIO, raw))
            stored = io.BufferedReader(self._hashed)
            magic = stored.read(2)
            plain = cast(BinaryIO, io.BufferedReader(_Prefixed(magic, cast(BinaryIO, stored))))
            if magic == _GZIP:
                plain = cast(BinaryIO, gzip.GzipFile(fileobj=plain))
            self._start, self._wanted = _start_of(plain)
            while self._start.startswith(_BOM):
                self._start = self._start.removeprefix(_BOM)
                self._wanted -= len(_BOM)
        self._is_old_mac = b"\n" not in self._start and b"\r" in self._start
        rest = cast(BinaryIO, _OldMac(plain)) if self._is_old_mac else plain
        start = self._start.replace(b"\r", b"\n") if self._is_old_mac else self._start
        self._stream = io.BufferedReader(_Prefixed(start, rest), 1 << 16)

    def _raw_lines(self) -> Iterator[bytes]:
        while True:
            with self._reading():
                raw = self._stream.readline(LONGEST_LINE + 1)
            if not raw:
                return
            self._count += 1
            if len(raw) > LONGEST_LINE:
                raise self.error(
                    "the line is longer than 64 MiB", "put one document on a line", line=self._count
                )
            yield raw.removesuffix(b"\n")

    def _decoded(self, raw: bytes, number: int | None = None) -> str:
        number = number or self._count
        if number == 1 and raw.startswith(_UTF16):
            raise self.error("this is UTF-16", "save the file as UTF-8", line=1)
        if b"\0" in raw:
            raise self.error("holds NUL bytes: this is no text", "give a text file", line=number)
        try:
            return raw.decode("utf-8").removesuffix("\r")
        except UnicodeDecodeError as error:
            raise self.error(
                f"not UTF-8 (byte {error.start + 1} of the line)",
                "save the file as UTF-8",
                line=number,
            ) from error

    def _nothing(self) -> InputError:
        if self.path == Path("stdin"):
            return self.error("nothing came, or it was read before", "pipe a file into it")
        return self.error("the file is empty", "give at least one example")

    def _reading(self) -> _Reading:
        return _Reading(self)


def checksum_of(source: str | Path) -> str:
    """Return the checksum that reading an input finds."""
    with Input(source) as opened:
        return opened.checksum()


def is_hub(source: str | Path) -> bool:
    """Whether this names a data set of the hub: `hf:owner/name`."""
    return _HUB.match(str(source)) is not None


class _Reading:
    """Turns the errors of reading into InputErrors."""

    def __init__(self, source: Input) -> None:
        self.source = source

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, gzip.BadGzipFile | EOFError | zlib.error):
            raise self.source.error(f"damaged gzip ({error})", "fetch it again") from error
        if isinstance(error, OSError | ValueError):
            raise self.source.error(_reason(error), "give a readable file") from error


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return f"cannot be read ({getattr(error, 'strerror', None) or error})"


def _start_of(stream: BinaryIO) -> tuple[bytes, int]:
    """Read the first bytes, with a whole line in them, and return them and how many were wanted."""
    start, wanted = b"", HEAD
    while True:
        part = stream.read(wanted - len(start))
        start += part
        if len(start) < wanted or b"\n" in part or b"\r" in part or wanted >= LONGEST_LINE:
            return start, wanted
        if b"\0" in part:
            return start, wanted
        wanted *= 8


class _Hashed(io.RawIOBase):
    """A stream whose bytes are hashed as they pass."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        read = getattr(self._stream, "readinto1", None) or self._stream.readinto  # type: ignore[attr-defined]
        count: int | None = read(buffer)
        self._digest.update(memoryview(buffer)[: count or 0])
        return count

    def finish(self) -> str:
        """Read what is left and return the digest of all."""
        while self.read(1 << 20):
            pass
        return self._digest.hexdigest()

    def close(self) -> None:
        with suppress(OSError):
            self._stream.close()
        super().close()


class _Prefixed(io.RawIOBase):
    """Some bytes, and after them a stream."""

    def __init__(self, start: bytes, stream: BinaryIO) -> None:
        super().__init__()
        self._start = start
        self._at = 0
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        view = memoryview(buffer)
        if self._at < len(self._start):
            part = self._start[self._at : self._at + len(view)]
            self._at += len(part)
        else:
            # GzipFile and BufferedReader both have it; it returns what is there.
            part = self._stream.read1(len(view))  # type: ignore[attr-defined]
        view[: len(part)] = part
        return len(part)


class _OldMac:
    """A stream whose lines end in CR, as LF."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read1(self, size: int) -> bytes:
        """Read what is there."""
        part: bytes = self._stream.read1(size)  # type: ignore[attr-defined]
        return part.replace(b"\r", b"\n")


_PACKAGE = Path(__file__).resolve().parent.parent
_HOMES = (_PACKAGE / "shipped", _PACKAGE.parent / "data")


def find_data(name: str | Path) -> Path:
    """Find documents: a file, a folder or a pipe, `-`, `hf:…`, or the name of a shipped set."""
    if str(name) == "-" or is_hub(name) or Path(name).exists():
        return Path(name)
    for home in _HOMES:
        if (home / name).is_file():
            return home / name
    raise InputError(
        "no such file", where=name, hint=f"give a file, or a shipped set: {', '.join(_names())}"
    )


def _names() -> list[str]:
    found = {str(path.relative_to(home)) for home in _HOMES for path in home.glob("*/*.jsonl")}
    return sorted(found)


def shipped_name(digest: str) -> str | None:
    """The name of the shipped set that has this SHA-256, None where it is none of them."""
    for home in _HOMES:
        for path in sorted(home.glob("*/*.jsonl")):
            if checksum(path) == digest:
                return str(path.relative_to(home))
    return None
