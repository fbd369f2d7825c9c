"""Fails in every check."""

from __future__ import annotations

from encswap import hookimpl

ENCSWAP_API = 1


@hookimpl
def check_compatibility(base, candidate, context):
    """Divide by zero."""
    return [1 / 0]
