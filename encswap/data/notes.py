"""What a reader passed over or mended: counted by kind, with the first places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from encswap.data.locate import PassedOver, Repair

SHOWN = 5
LISTED = 20
Notice = Callable[[str, Repair], None]
"""Called with every repaired gold string: its place as `file:line`, and the repair."""


@dataclass(frozen=True)
class Note:
    """So many of one kind: `what` continues the sentence that `count` begins.

    `kind` is for machines: two or three words with hyphens, such as `rejected-records`.
    """

    kind: str
    count: int
    what: str
    places: tuple[str, ...]

    def __str__(self) -> str:
        more = ", …" if self.count > len(self.places) > 0 else ""
        places = f" ({', '.join(self.places)}{more})" if self.places else ""
        return f"{self.count:,} {self.what}{places}"


@dataclass
class Notes:
    """Notes collected while a file is read, reported once at the end."""

    on_repair: Notice | None = None
    passed: list[tuple[str, PassedOver]] = field(default_factory=list)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)
    _places: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, kind: str, what: str, where: str = "", count: int = 1) -> None:
        """Count one more of a kind, at `file:line`."""
        key = (kind, what)
        self._counts[key] = self._counts.get(key, 0) + count
        places = self._places.setdefault(key, [])
        if where and len(places) < SHOWN and where not in places:
            places.append(where)

    def repair(self, where: str, repair: Repair) -> None:
        """Take notice of a gold string that differs from its text by white space."""
        if self.on_repair is not None:
            self.on_repair(where, repair)

    def pass_over(self, where: str, one: PassedOver) -> None:
        """Keep the first occurrences of gold strings that mark nothing, to be listed."""
        if len(self.passed) < LISTED:
            self.passed.append((where, one))

    def __iter__(self) -> Iterator[Note]:
        """Yield a note for each kind, in the order of first appearance."""
        for (kind, what), count in self._counts.items():
            yield Note(kind, count, what, tuple(self._places[kind, what]))

    def count(self, kind: str) -> int:
        """Return how many there are of a kind."""
        return sum(count for (one, _), count in self._counts.items() if one == kind)

    def as_json(self) -> list[dict[str, Any]]:
        """Return the notes as others read them."""
        return [{**asdict(note), "places": list(note.places)} for note in self]
