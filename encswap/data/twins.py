"""Texts that stand twice, in one file or across two."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from encswap.data.fingerprints import Fingerprint, Fingerprints

SHOWN = 20


@dataclass(frozen=True)
class Pair:
    """Two texts that are the same, or nearly: lines of this file and of `file`."""

    line: int
    twin: int
    exact: bool
    file: Path


@dataclass(frozen=True)
class Twins:
    """How many texts have an earlier twin, in this file or in the one it is held against."""

    exact: int
    near: int
    pairs: tuple[Pair, ...]


@dataclass
class TwinCount:
    """Twins while they are being counted."""

    file: Path
    index: Fingerprints = field(default_factory=Fingerprints)
    exact: int = 0
    near: int = 0
    pairs: list[Pair] = field(default_factory=list)

    def look_up(self, one: Fingerprint, line: int) -> None:
        """Count the text on `line` if it has a twin."""
        twin = self.index.find(one)
        if twin is None:
            return
        self.exact += twin.exact
        self.near += not twin.exact
        if len(self.pairs) < SHOWN:
            self.pairs.append(Pair(line, twin.line, twin.exact, self.file))

    def result(self) -> Twins:
        """Return what was counted so far."""
        return Twins(self.exact, self.near, tuple(self.pairs))
