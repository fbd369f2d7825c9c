"""Characters that make texts differ without being seen."""

from __future__ import annotations

import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")

KINDS = {
    "decomposed": "characters that are not composed (not NFC)",
    "control": "control characters",
    "invisible": "zero-width characters, marks of direction, soft hyphens or byte-order marks",
}


def oddities(text: str) -> list[str]:
    """List the kinds of unseen characters in a text."""
    found = [] if unicodedata.is_normalized("NFC", text) else ["decomposed"]
    found += ["control"] if _CONTROL.search(text) else []
    return found + (["invisible"] if _INVISIBLE.search(text) else [])
