"""Returns findings of a status that nobody knows."""

from __future__ import annotations

from encswap import Finding, hookimpl

ENCSWAP_API = 1


@hookimpl
def check_compatibility(base, candidate, context):
    """Be delighted."""
    return [Finding("delight", "splendid", "facts", "what a model")]
