"""Build the mini base in a process of its own: `python -m encswap.mini`."""

from __future__ import annotations

from encswap.mini.base import mini_base
from encswap.plugins import load_plugins
from encswap.train.progress import Unwatched

if __name__ == "__main__":
    mini_base(load_plugins(), Unwatched())
