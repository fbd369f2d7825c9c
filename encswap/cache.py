"""Where encswap keeps what it would be slow to find out again."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from encswap.files import write_text

CACHE_VARIABLE = "ENCSWAP_CACHE"


def cache_root() -> Path:
    """Return the cache folder: `ENCSWAP_CACHE`, else `encswap` in the user's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "encswap"


def remember(path: Path, value: Any) -> None:
    """Write JSON in one step; a cache that cannot be written is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(value))
    except OSError:
        return


def recall(path: Path, *, max_age: float | None = None, kind: type = object) -> Any:
    """Read what was remembered at most `max_age` seconds ago; None where it is no `kind`.

    What claims to have been written in the future is not believed: it would stay true until then.
    """
    try:
        if max_age is not None and not 0 <= time.time() - path.stat().st_mtime <= max_age:
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, kind) else None
