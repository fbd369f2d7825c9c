"""The gold that cells train and test on, by the name that a cell gives."""

from __future__ import annotations

from types import ModuleType

import klue
import ncbi

from encswap.errors import InputError

SETS = {"klue": klue, "ncbi": ncbi}


def set_of(name: str) -> ModuleType:
    """The module with a set's `divide` and `write`; raises `InputError` for an unknown name."""
    if name not in SETS:
        raise InputError(f"no set {name!r}", hint=", ".join(SETS))
    return SETS[name]
