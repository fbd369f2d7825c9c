"""Says in a finding what would act on a terminal."""

from __future__ import annotations

from encswap import Finding, hookimpl

ENCSWAP_API = 1

EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e\rforged\nencswap: forged [/] [bold]"


@hookimpl
def check_compatibility(base, candidate, context):
    """Say it in every place, then raise it."""
    yield Finding("forged", "warn", "facts", EVIL, EVIL, {EVIL: EVIL})
    raise ValueError(EVIL)
