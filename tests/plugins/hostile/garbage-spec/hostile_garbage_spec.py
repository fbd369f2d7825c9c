"""Registers what is no spec."""

from __future__ import annotations

from encswap import hookimpl

ENCSWAP_API = 1


@hookimpl
def register_encoders(register):
    """Register a dictionary."""
    register({"name": "garbage"})
