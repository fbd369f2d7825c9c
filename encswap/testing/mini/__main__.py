"""Build the mini base in a process of its own: `python -m encswap.testing.mini`."""

from __future__ import annotations

from encswap.plugins import load_plugins
from encswap.testing.mini.base import mini_base
from encswap.types import Unwatched

if __name__ == "__main__":
    mini_base(load_plugins(), Unwatched())
