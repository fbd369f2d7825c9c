"""The data sets that come with encswap: in the wheel, or in the checkout's `data/`."""

from __future__ import annotations

from pathlib import Path

from encswap.data.input import is_hub
from encswap.errors import InputError
from encswap.files import checksum

_PACKAGE = Path(__file__).resolve().parent.parent
_HOMES = (_PACKAGE / "shipped", _PACKAGE.parent / "data")


def find_data(name: str | Path) -> Path:
    """Find documents: a file, a folder or a pipe, `-`, `hf:…`, or the name of a shipped set."""
    if str(name) == "-" or is_hub(name) or Path(name).exists():
        return Path(name)
    for home in _HOMES:
        if (home / name).is_file():
            return home / name
    raise InputError(
        "no such file", where=name, hint=f"give a file, or a shipped set: {', '.join(_names())}"
    )


def _names() -> list[str]:
    found = {str(path.relative_to(home)) for home in _HOMES for path in home.glob("*/*.jsonl")}
    return sorted(found)


def shipped_name(digest: str) -> str | None:
    """The name of the shipped set that has this SHA-256, None where it is none of them."""
    for home in _HOMES:
        for path in sorted(home.glob("*/*.jsonl")):
            if checksum(path) == digest:
                return str(path.relative_to(home))
    return None
