"""Closes every stream that it can reach in a check."""

from __future__ import annotations

import sys

from encswap import hookimpl

ENCSWAP_API = 1


@hookimpl
def check_compatibility(base, candidate, context):
    """Close, and put something else there."""
    print("closes-streams-in-check")
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        stream.close()
    sys.stdout = sys.stderr = None
    return []
