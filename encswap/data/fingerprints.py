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
from dataclasses import dataclass, field

RUN = 5
SLOTS = 16
BAND = 4
ALIKE = 0.8
SHORTEST = 20
MOST = 200_000
"""How many texts an index remembers; later ones are still looked up."""

_IGNORED = re.compile(r"[\s\d]+")
_EMPTY = 0xFFFFFFFF


@dataclass(frozen=True)
class Twin:
    """An earlier text that a text equals, or resembles: its line, and whether it is the same."""

    line: int
    exact: bool


@dataclass(frozen=True)
class Fingerprint:
    """What identifies a text: a digest, and a signature unless it is short."""

    digest: bytes
    signature: bytes | None

    @classmethod
    def of(cls, text: str) -> Fingerprint:
        """Take the fingerprint of a text."""
        raw = text.encode("utf-8", "surrogatepass")
        return cls(hashlib.blake2b(raw, digest_size=12).digest(), signature_of(text))


@dataclass
class Fingerprints:
    """The texts seen so far, as digests and signatures with their lines."""

    most: int = MOST
    digests: dict[bytes, int] = field(default_factory=dict)
    bands: dict[tuple[int, bytes], int] = field(default_factory=dict)
    signatures: dict[int, bytes] = field(default_factory=dict)

    def find(self, one: Fingerprint) -> Twin | None:
        """Return the text's twin among those that were added."""
        line = self.digests.get(one.digest)
        if line is not None:
            return Twin(line, True)
        return None if one.signature is None else self._resembling(one.signature)

    def add(self, one: Fingerprint, line: int) -> None:
        """Remember a text, unless the index is full."""
        if len(self.digests) >= self.most or one.digest in self.digests:
            return
        self.digests[one.digest] = line
        if one.signature is not None:
            self.signatures[line] = one.signature
            for key in _bands(one.signature):
                self.bands.setdefault(key, line)

    def _resembling(self, signature: bytes) -> Twin | None:
        for key in _bands(signature):
            line = self.bands.get(key)
            if line is not None and resemblance(signature, self.signatures[line]) >= ALIKE:
                return Twin(line, False)
        return None


def signature_of(text: str) -> bytes | None:
    """Return the text's MinHash signature, one slot in four bytes; None for a short text."""
    plain = _IGNORED.sub("", unicodedata.normalize("NFC", text)).casefold()
    if len(plain) < SHORTEST:
        return None
    units = plain.encode("utf-16-le", "surrogatepass")
    least = [_EMPTY] * SLOTS
    for at in range(0, len(units) - 2 * RUN + 1, 2):
        found = zlib.crc32(units[at : at + 2 * RUN])
        slot = found % SLOTS
        least[slot] = min(found, least[slot])
    return b"".join(one.to_bytes(4, "little") for one in least)


def resemblance(one: bytes, other: bytes) -> float:
    """Return the share of slots in which two signatures agree."""
    same = sum(one[at : at + 4] == other[at : at + 4] for at in range(0, len(one), 4))
    return same / SLOTS


def _bands(signature: bytes) -> list[tuple[int, bytes]]:
    size = 4 * BAND
    return [(at, signature[at : at + size]) for at in range(0, len(signature), size)]
