"""Duplicates and near-duplicates among texts, in memory that does not grow without bound.

Exact duplicates agree in a digest. Near-duplicates agree in most of a MinHash signature (Broder,
"On the resemblance and containment of documents", 1997) over runs of five characters, looked up
by bands of it; white space, case and digits do not count.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import zlib
from array import array
from dataclasses import dataclass, field
from pathlib import Path

RUN = 5
SLOTS = 16
WIDE = 2
BAND = 4
ALIKE = 0.8
SHORTEST = 20
MOST = 200_000
"""How many texts an index remembers; later ones are still looked up."""
_IGNORED = re.compile(r"[\s\d]+")
_EMPTY = 0xFFFFFFFF


@dataclass(frozen=True)
class Match:
    """An earlier text that a text equals, or resembles: its line, and whether it is the same."""

    line: int
    exact: bool


@dataclass(frozen=True)
class Fingerprint:
    """What identifies a text: a digest, and a signature unless it is short."""

    digest: int
    signature: bytes | None

    @classmethod
    def of(cls, text: str) -> Fingerprint:
        """Take the fingerprint of a text."""
        raw = text.encode("utf-8", "surrogatepass")
        digest = int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest())
        return cls(digest, signature_of(text))


@dataclass
class Fingerprints:
    """The texts seen so far; some 0.6 KB for each, up to `most` of them."""

    most: int = MOST
    digests: dict[int, int] = field(default_factory=dict)
    bands: dict[int, int] = field(default_factory=dict)
    signatures: bytearray = field(default_factory=bytearray)
    lines: array[int] = field(default_factory=lambda: array("L"))

    def find(self, one: Fingerprint) -> Match | None:
        """Return the earlier text that this one equals or resembles, if any."""
        line = self.digests.get(one.digest)
        if line is not None:
            return Match(line, True)
        return None if one.signature is None else self._resembling(one.signature)

    def add(self, one: Fingerprint, line: int) -> None:
        """Remember a text, unless the index is full."""
        if len(self.digests) >= self.most or one.digest in self.digests:
            return
        self.digests[one.digest] = line
        if one.signature is not None:
            number = len(self.lines)
            self.lines.append(line)
            self.signatures += one.signature
            for key in _bands(one.signature):
                self.bands.setdefault(key, number)

    def _resembling(self, signature: bytes) -> Match | None:
        for key in _bands(signature):
            number = self.bands.get(key)
            if number is None:
                continue
            other = self.signatures[number * len(signature) : (number + 1) * len(signature)]
            if resemblance(signature, other) >= ALIKE:
                return Match(self.lines[number], False)
        return None


def signature_of(text: str) -> bytes | None:
    """Return the text's MinHash signature, one slot in `WIDE` bytes; None for a short text."""
    plain = _IGNORED.sub("", unicodedata.normalize("NFC", text)).casefold()
    if len(plain) < SHORTEST:
        return None
    units = plain.encode("utf-16-le", "surrogatepass")
    least = [_EMPTY] * SLOTS
    for at in range(0, len(units) - 2 * RUN + 1, 2):
        found = zlib.crc32(units[at : at + 2 * RUN])
        slot = found % SLOTS
        least[slot] = min(found, least[slot])
    return b"".join((one // SLOTS % 65_536).to_bytes(WIDE, "little") for one in least)


def resemblance(one: bytes, other: bytes | bytearray) -> float:
    """Return the share of slots in which two signatures agree."""
    slots = range(0, len(one), WIDE)
    return sum(one[at : at + WIDE] == other[at : at + WIDE] for at in slots) / SLOTS


def _bands(signature: bytes) -> list[int]:
    """Return a number for each band of slots."""
    size = WIDE * BAND
    starts = range(0, len(signature), size)
    return [zlib.crc32(signature[at : at + size], at) for at in starts]


SHOWN = 20


@dataclass(frozen=True)
class DuplicatePair:
    """Two texts that are the same, or nearly: lines of this file and of `file`."""

    line: int
    match: int
    exact: bool
    file: Path


@dataclass(frozen=True)
class Duplicates:
    """How many texts repeat an earlier one, of the same file or of the one it is compared with."""

    exact: int
    near: int
    pairs: tuple[DuplicatePair, ...]


@dataclass
class DuplicateCount:
    """Counts duplicates while a file is read."""

    file: Path
    index: Fingerprints = field(default_factory=Fingerprints)
    exact: int = 0
    near: int = 0
    pairs: list[DuplicatePair] = field(default_factory=list)

    def look_up(self, one: Fingerprint, line: int) -> None:
        """Count the text on `line` if it repeats an earlier one."""
        match = self.index.find(one)
        if match is None:
            return
        self.exact += match.exact
        self.near += not match.exact
        if len(self.pairs) < SHOWN:
            self.pairs.append(DuplicatePair(line, match.line, match.exact, self.file))

    def result(self) -> Duplicates:
        """Return what was counted so far."""
        return Duplicates(self.exact, self.near, tuple(self.pairs))
