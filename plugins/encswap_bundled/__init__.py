"""The plugins of the models that encswap knows by name; what is recorded of each stands in YAML."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from encswap import EncoderSpec, hookimpl, read_encoders

TABLES = Path(__file__).parent
_read = cache(read_encoders)  # ten plugins read one table


def registers(table: str, *names: str) -> Callable[[Callable[[EncoderSpec], None]], None]:
    """Make the hook that registers these entries of a table; all of them where none is named."""

    @hookimpl
    def register_encoders(register: Callable[[EncoderSpec], None]) -> None:
        specs = _read(TABLES / table)
        for name in names or specs:
            register(specs[name])

    return register_encoders
