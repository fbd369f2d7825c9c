"""Fails to load any encoder, also those of others."""

from __future__ import annotations

from encswap import hookimpl

ENCSWAP_API = 1


@hookimpl
def load_encoder(spec, source):
    """Fail."""
    raise OSError("the disk is full of eels")
