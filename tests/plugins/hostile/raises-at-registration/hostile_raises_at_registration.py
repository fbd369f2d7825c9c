"""Fails after it has registered an encoder."""

from __future__ import annotations

from encswap import EncoderSpec, hookimpl

ENCSWAP_API = 1


@hookimpl
def register_encoders(register):
    """Register one, then fail."""
    register(EncoderSpec("half-registered", "nobody/half"))
    raise RuntimeError("the second one is missing")
