"""Finds what no JSON can hold."""

from __future__ import annotations

from encswap import Finding, hookimpl

ENCSWAP_API = 1


class Unreadable(dict):
    """Fails when it is read."""

    def items(self):
        """Fail."""
        raise OSError("eels")


@hookimpl
def check_compatibility(base, candidate, context):
    """Give evidence of every odd kind, one finding after another."""
    cycle = {}
    cycle["self"] = cycle
    for value in (cycle, float("nan"), object(), "\ud800", 10**5000, ["x" * 10**6], [0] * 10**6):
        yield Finding("odd", "warn", "facts", "odd \ud800 \x1b[31m", None, {"value": value})
    yield Finding("odd", "warn", "facts", "odd", None, Unreadable(a=1))
    yield Finding("never-seen", "warn", "facts", "odd")
