"""Never comes back from its registration, and keeps a core busy."""

from __future__ import annotations

from encswap import hookimpl

ENCSWAP_API = 1


@hookimpl
def register_encoders(register):
    """Spin."""
    while True:
        pass
