"""Fails while it is imported."""

from __future__ import annotations

ENCSWAP_API = 1

raise ValueError("this module does not import")
