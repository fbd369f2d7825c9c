"""Offers an entry point of a name that is taken."""

from __future__ import annotations

from encswap import EncoderSpec, hookimpl

ENCSWAP_API = 1


@hookimpl
def register_encoders(register):
    """Register an encoder."""
    register(EncoderSpec("never-seen", "nobody/never-seen"))
