"""Misspells a hook."""

from __future__ import annotations

from encswap import hookimpl

ENCSWAP_API = 1


@hookimpl
def register_encoder(register):
    """Register nothing: nobody calls this."""
