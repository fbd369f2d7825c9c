"""Its entry point names a module that is not there."""

from __future__ import annotations

ENCSWAP_API = 1
