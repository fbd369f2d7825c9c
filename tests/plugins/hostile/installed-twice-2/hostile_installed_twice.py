"""Is installed in two versions; this is 2.0.0."""

from __future__ import annotations

from encswap import EncoderSpec, hookimpl

ENCSWAP_API = 1


@hookimpl
def register_encoders(register):
    """Register an encoder."""
    register(EncoderSpec("twice-2", "nobody/twice"))
