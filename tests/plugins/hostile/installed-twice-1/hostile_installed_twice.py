"""Is installed in two versions; this is 1.0.0."""

from __future__ import annotations

from encswap import EncoderSpec, hookimpl

ENCSWAP_API = 1


@hookimpl
def register_encoders(register):
    """Register an encoder."""
    register(EncoderSpec("twice-1", "nobody/twice"))
