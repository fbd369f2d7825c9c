"""A note in `config.json` that stops plain gliner2 with words instead of letting it find nothing.

gliner2 2.1 keeps no word splitter, and no key of a checkpoint asks it for one. The only field whose
value it shows when it refuses is `architecture` (`configuration.normalize_architecture`), so a
guarded checkpoint says there what it needs. encswap reads the name before the note.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_GUARDED = re.compile(r"(span|boundary) \(its words are .{1,100}: load it with encswap\.load\)")


def guarded(config: Mapping[str, Any], splitter: str) -> dict[str, Any]:
    """The config with a note that plain gliner2 refuses, and shows."""
    kind = unguarded(config).get("architecture") or "span"
    return {
        **config,
        "architecture": f"{kind} (its words are {splitter[:100]}: load it with encswap.load)",
    }


def unguarded(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config as gliner2 writes it; anything else that is no architecture stays."""
    found = _GUARDED.fullmatch(str(config.get("architecture", "")))
    return {**config, "architecture": found[1]} if found else dict(config)
