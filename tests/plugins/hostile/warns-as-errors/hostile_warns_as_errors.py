"""Turns every warning of the program into an error."""

from __future__ import annotations

import warnings

from encswap import hookimpl

ENCSWAP_API = 1

warnings.simplefilter("error")


@hookimpl
def check_compatibility(base, candidate, context):
    """Warn."""
    warnings.warn("warns-as-errors: one\nencswap: forged \x1b[31m", stacklevel=1)
    return []
