"""`log.jsonl`: a line for each epoch, each epoch once, also after a resumption."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

LOG = "log.jsonl"


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read a run's log; of an epoch that stands twice the last line counts.

    A line that was cut off is passed over: the epoch that it speaks of was not whole.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return _once(filter(None, map(_record, lines)))


def kept_lines(path: Path, epochs: Sequence[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Return the log of the whole epochs from which a run goes on; None where it is that already.

    What was said of later epochs is said again when they are trained again, and of an epoch that
    the file has lost at least its own numbers are there.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        text = ""
    logged = {one["epoch"]: one for one in read_log(path) if isinstance(one.get("epoch"), int)}
    kept = [logged.get(epoch["epoch"], epoch) for epoch in epochs]
    return None if text == "".join(map(log_line, kept)) else kept


def log_line(record: dict[str, Any]) -> str:
    """Write one record as a line."""
    return json.dumps(record, ensure_ascii=False) + "\n"


def _record(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _once(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep of each epoch the last line, at the place of the first."""
    found: dict[Any, dict[str, Any]] = {}
    for number, one in enumerate(records):
        epoch = one.get("epoch")
        found[epoch if isinstance(epoch, int) else f"other {number}"] = one
    return list(found.values())
