"""Raises in a check what cannot say what it is."""

from __future__ import annotations

from encswap import hookimpl

ENCSWAP_API = 1


class MuteError(Exception):
    """Has no words."""

    def __str__(self):
        """Fail again."""
        raise RuntimeError("no words")

    __repr__ = __str__


@hookimpl
def check_compatibility(base, candidate, context):
    """Raise it."""
    raise MuteError
