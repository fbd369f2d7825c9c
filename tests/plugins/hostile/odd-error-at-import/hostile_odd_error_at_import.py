"""Raises what is no Exception while it is imported."""

from __future__ import annotations

ENCSWAP_API = 1


class OddError(BaseException):
    """Passes every `except Exception`."""


raise OddError("not an Exception")
