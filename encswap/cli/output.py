"""Output to the terminal: results on stdout, everything else on stderr, all of it clean.

No other module writes to a stream or builds a console. What passes is spelled out where it would
move the cursor, hide or reorder text. While a command runs, stdout belongs to its results: what a
plugin or a library prints goes to stderr, from Python, from C and from child processes alike.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from encswap.escaping import json_text, printable, printable_lines

if TYPE_CHECKING:
    from rich.console import Console

PIPED_WIDTH = 120
STDOUT, STDERR = 1, 2
_NO_PLACE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)


class OutputFormat(StrEnum):
    """How a command writes its result."""

    table = "table"
    json = "json"
    markdown = "markdown"


UNWRITABLE = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM,
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG,
)  # fmt: skip
FORMAT_OPTION = typer.Option(OutputFormat.table, "--format", "-f", help="How to write the result.")


class CleanStream:
    """A stream that spells out what would act on a terminal, and that nobody closes."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        """Write text; line breaks and tabs stay."""
        self.raw.write(printable_lines(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write lines as they come."""
        for line in lines:
            self.write(line)

    def close(self) -> None:
        """Stay open: a plugin may call this, results come after."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


_owned: CleanStream | None = None  # the real stdout, once `own_streams` has taken it
_results: CleanStream | None = None  # stdout, while a command runs and sys.stdout is not for it


def own_streams() -> None:
    """Take stdout away from the rest of the process: descriptor 1 leads to stderr from here on.

    Only this module holds the real stdout. Warnings and the log take one line each.
    """
    global _owned  # noqa: PLW0603 - a process has one stdout
    warnings.formatwarning = _warning_line
    if isinstance(logging.lastResort, logging.Handler):
        logging.lastResort.setFormatter(_OneLine())
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # its descriptor was closed before Python began
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        out, err = _duplicate(sys.stdout, STDOUT), _duplicate(sys.stderr, STDERR)
        os.dup2(STDERR, STDOUT)
        _owned = CleanStream(out)
        sys.stdout, sys.stderr = CleanStream(err), CleanStream(err)


def _duplicate(stream: Any, descriptor: int) -> Any:
    """The same place under another descriptor; a letter that it cannot hold is spelled out."""
    return os.fdopen(
        os.dup(descriptor),
        "w",
        encoding=stream.encoding,
        errors="backslashreplace",
        closefd=False,  # it stays open as long as the process
        buffering=1 if stream.isatty() or descriptor == STDERR else -1,
    )


def _warning_line(message: Any, category: Any, filename: str, lineno: int, line: Any = None) -> str:
    del line
    return f"{printable(filename)}:{lineno}: {category.__name__}: {printable(message)}\n"


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(record.getMessage())


@contextmanager
def clean_streams() -> Iterator[None]:
    """Clean what goes through `sys.stdout` and `sys.stderr`; put both back, whatever was done."""
    before = sys.stdout, sys.stderr
    out = sys.stdout = _owned or _clean(sys.stdout)
    sys.stderr = _clean(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        _finish(out)


def _finish(out: CleanStream) -> None:
    """Write what is left of the results; a pipe that nobody reads any more is no error."""
    try:
        out.flush()
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):  # else Python fails once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        if error.errno != errno.EPIPE:
            tell(f"encswap: the results cannot be written: {error.strerror}")
            raise SystemExit(2) from error


@contextmanager
def results_apart() -> Iterator[None]:
    """Keep stdout for `write` and `write_json` while a command runs."""
    global _results
    outer, _results = _results, _clean(sys.stdout)
    sys.stdout = _clean(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, _results = _results, outer


def _clean(stream: Any) -> Any:
    return stream if isinstance(stream, CleanStream) else CleanStream(stream)


def results() -> Any:
    """The stream of results."""
    return _results or _clean(sys.stdout)


def is_terminal(*, stderr: bool = False) -> bool:
    """Say whether a person looks at the results, or at stderr."""
    return bool((sys.stderr if stderr else results()).isatty())


def write_json(value: Any) -> None:
    """Write one JSON document to stdout; it is valid whatever `value` holds."""
    results().raw.write(json_text(value, indent=2) + "\n")


def write(text: str) -> None:
    """Write text to stdout; a value in it that may hold line breaks comes as `printable`."""
    results().write(text if text.endswith("\n") else text + "\n")


def note_all(notes: Iterable[object], file: object) -> None:
    """Write what a reader passed over, a line for each kind, once a file has been read."""
    for one in notes:
        note(f"{file}: {one}")


_quiet = False  # whether a person asked for results and errors alone


def be_quiet(quiet: bool) -> None:
    """Keep notes and progress off stderr, or let them through again."""
    global _quiet  # noqa: PLW0603 - a process has one stderr
    _quiet = quiet


def is_quiet() -> bool:
    """Tell whether notes and progress are kept off stderr."""
    return _quiet


def note(text: str) -> None:
    """Write one line to stderr, unless quiet: a line break in a value forges no second one."""
    if not _quiet:
        tell(text)


def tell(text: str) -> None:
    """Write one line to stderr, also when quiet: what ended the command."""
    sys.stderr.write(printable(text) + "\n")


class LogLines(logging.Handler):
    """The log as lines on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        tell(f"{record.levelname.lower()} {record.name}: {record.getMessage()}")


@contextmanager
def new_text_file(path: Path | None) -> Iterator[Any]:
    """Open a new file that appears once it is whole, or the results' stream where none is named.

    Raises `InputError` where the file is there already, also if it came meanwhile, or cannot be
    written; nothing is left behind then.
    """
    from encswap import files
    from encswap.errors import InputError

    if path is None:
        yield results()
        return
    if os.path.lexists(path):
        raise InputError("exists; nothing is overwritten", where=path)
    try:
        with files.new_file(path) as raw:
            text = io.TextIOWrapper(raw, encoding="utf-8", newline="\n")
            yield text
            text.flush()
            text.detach()
    except FileExistsError as error:
        raise InputError("exists; nothing is overwritten", where=path) from error
    except OSError as error:
        if not files.why_unwritable(error) and error.errno not in _NO_PLACE:
            raise
        raise InputError(f"cannot be written: {error.strerror}", where=path) from error


def console(
    *, stderr: bool = False, width: int | None = None, to: Any = None, **more: Any
) -> Console:
    """A rich console on stdout, stderr or `to` that writes colours of its own and no others."""
    from rich.console import Console
    from rich.segment import Segment

    class CleanConsole(Console):
        def render(self, renderable: Any, options: Any = None) -> Iterator[Any]:
            for one in super().render(renderable, options):
                clean = one if one.control else Segment(printable_lines(one.text), one.style)
                yield clean

    stream = _clean(to or (sys.stderr if stderr else results()))
    if width is None and not stream.isatty():
        width = PIPED_WIDTH
    elif width is None and "COLUMNS" not in os.environ:
        # rich measures descriptors 0 to 2, and 1 no longer leads to the results' terminal.
        with contextlib.suppress(OSError, ValueError):
            width = os.get_terminal_size(stream.fileno()).columns or None
    more = {"highlight": False, "emoji": False, **more}
    return CleanConsole(file=stream.raw, width=width, **more)
