"""What is written onto a noun without being part of it: particles and the like, by script."""

from __future__ import annotations

from functools import cache
from pathlib import Path

ENDINGS = Path(__file__).with_name("endings.yaml")


@cache
def endings() -> frozenset[str]:
    """The strings of `endings.yaml`, of all scripts."""
    import yaml

    by_script = yaml.safe_load(ENDINGS.read_text(encoding="utf-8"))
    return frozenset(str(one) for found in by_script.values() for one in found)


def is_ending(text: str) -> bool:
    """Whether the characters are nothing but particles, one or several in a row."""
    reached = {0}
    for end in range(1, len(text) + 1):
        if any(text[start:end] in endings() for start in reached):
            reached.add(end)
    return bool(text) and len(text) in reached
