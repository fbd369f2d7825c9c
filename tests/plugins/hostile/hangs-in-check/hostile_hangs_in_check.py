"""Never comes back from a check."""

from __future__ import annotations

import time

from encswap import hookimpl

ENCSWAP_API = 1


@hookimpl
def check_compatibility(base, candidate, context):
    """Wait for an hour."""
    time.sleep(3600)
