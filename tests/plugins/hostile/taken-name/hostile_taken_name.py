"""Takes the name of an encoder that another plugin registers."""

from __future__ import annotations

from encswap import EncoderSpec, hookimpl

ENCSWAP_API = 1


@hookimpl
def register_encoders(register):
    """Register a second ko-deberta."""
    register(EncoderSpec("ko-deberta", "nobody/ko-deberta"))
