"""Raises in a check what only the user should."""

from __future__ import annotations

from encswap import hookimpl

ENCSWAP_API = 1


@hookimpl
def check_compatibility(base, candidate, context):
    """Interrupt."""
    raise KeyboardInterrupt
