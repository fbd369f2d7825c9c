"""Asks for a hook argument that does not exist."""

from __future__ import annotations

from encswap import hookimpl

ENCSWAP_API = 1


@hookimpl
def check_compatibility(base, candidate, device):
    """Ask for the device."""
    return []
