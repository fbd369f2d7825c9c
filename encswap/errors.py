"""Errors that a person can act on: what failed, where, and what would have worked."""

from __future__ import annotations

from pathlib import Path


class EncswapError(Exception):
    """A failure told in one line; the command line prints it and exits with `exit_code`."""

    exit_code = 2

    def __init__(self, message: str, *, where: str | Path | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = str(where) if where is not None else ""
        self.hint = hint

    def __str__(self) -> str:
        located = f"{self.where}: {self.message}" if self.where else self.message
        line = f"{located}; {self.hint}" if self.hint else located
        return " ".join(line.split())


class InputError(EncswapError):
    """A file, an option or a value given by the user is wrong."""


class UnknownNameError(InputError):
    """A name is not registered; the message lists the known ones and the nearest."""

    def __init__(self, kind: str, name: str, known: list[str], *, hint: str = "") -> None:
        super().__init__(f"unknown {kind} {name!r}", hint=hint or suggest(name, known))
        self.name = name


class PluginError(EncswapError):
    """A plugin failed, returned a wrong type or takes a name that is taken."""


class SourceError(EncswapError):
    """A model's files cannot be reached, read or trusted."""


class SwapError(EncswapError):
    """The new encoder does not fit the base, or the swapped model failed its proof."""


class TrainingError(EncswapError):
    """Training had to stop; what was saved before is intact."""


def one_line(error: str | BaseException) -> str:
    """Describe a failure in one line; encswap's own errors need no class beside them.

    What a plugin raises may fail again where it is asked for its message.
    """
    try:
        text = str(error)
    except BaseException as failure:
        text = f"its message cannot be read, {type(failure).__name__}"
    if not isinstance(error, str | EncswapError | TimeoutError):
        text = f"{type(error).__name__}: {text}"
    return " ".join(text[:10_000].split())[:600]


MOST_NAMES = 24
"""Known names that are all listed after a good guess; of more only the nearest."""


def suggest(name: str, known: list[str]) -> str:
    """Name the nearest known name first, then all of them, or of many the next nearest."""
    import difflib

    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if not near:
        return f"known: {', '.join(sorted(known)) or 'none'}"
    start = f"did you mean {near[0]!r}?"
    if len(known) <= MOST_NAMES:
        return f"{start} known: {', '.join(sorted(known))}"
    return f"{start} also near: {', '.join(near[1:])}" if near[1:] else start


def located(path: str | Path, line: int | None = None) -> str:
    """Format a place in a file as `path:line`."""
    return f"{path}:{line}" if line is not None else str(path)
