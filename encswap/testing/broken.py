"""How a law tells what it found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Law = TypeVar("Law", bound=Callable[..., None])


class BrokenPromiseError(Exception):
    """What was promised and is not so, in one line."""


class Remark(Exception):  # noqa: N818 - it is no error
    """Something that an author should know and that breaks nothing."""


class Skipped(Exception):  # noqa: N818 - it is no error
    """A promise that cannot be asked, and why."""


def require(kept: Any, message: str) -> None:
    """Raise `BrokenPromiseError` with the message unless the promise is kept."""
    if not kept:
        raise BrokenPromiseError(message)


def after(*needs: str) -> Callable[[Law], Law]:
    """Mark a law that makes sense only where others of the same subject are kept."""

    def mark(law: Law) -> Law:
        law.needs = needs  # type: ignore[attr-defined]
        return law

    return mark
