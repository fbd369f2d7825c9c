"""Prints on stdout in every check."""

from __future__ import annotations

from encswap import hookimpl

ENCSWAP_API = 1


@hookimpl
def check_compatibility(base, candidate, context):
    """Chat."""
    print("looking at", candidate.spec.name)
    return []
