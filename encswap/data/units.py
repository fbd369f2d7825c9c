"""Units: the words that a splitter cuts, and the share of gold that they can express."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import count
from typing import Any

from encswap.types import Example, Mention, Unlocated, WordSplitter

Unit = tuple[int, int]
"""One word of a text: characters [start, end)."""
WIDTHS = (8, 12, 16, 20, 24)
USUAL_WIDTH = 8
SENTENCE_MARKS = (".", "!", "?")


def gliner_text(text: str) -> str:
    """Return the text as gliner2 2.1 splits it: it appends a full stop where no mark ends it.

    Offsets stay those of `text`; a unit may end one character behind it.
    """
    return text if text.endswith(SENTENCE_MARKS) else text + "."


def units_of(splitter: WordSplitter, text: str) -> list[Unit]:
    """List the units of `text` as gliner2's collation cuts them."""
    return [(start, end) for _, start, end in splitter(gliner_text(text), False)]


def units_of_all(splitter: WordSplitter, texts: Iterable[str]) -> Iterator[list[Unit]]:
    """Yield the units of each text in turn, through the splitter's `many` where it has one.

    `many(texts)` takes an iterable and yields lists of `(token, start, end)`, in order; a splitter
    that can work on several cores offers it.
    """
    many = getattr(splitter, "many", None)
    if many is None:
        return (units_of(splitter, text) for text in texts)
    cut = many(gliner_text(text) for text in texts)
    return ([(start, end) for _, start, end in units] for units in cut)


def align(mention: Mention, starts: Sequence[int], ends: Sequence[int]) -> Unit | None:
    """Return the first and last unit (inclusive) that make up the mention, None where none do.

    `starts` and `ends` ascend. White space around the mention does not count.
    """
    start = mention.start + len(mention.text) - len(mention.text.lstrip())
    end = mention.end - (len(mention.text) - len(mention.text.rstrip()))
    if start >= end:
        return None
    first, last = bisect_left(starts, start), bisect_left(ends, end)
    if first >= len(starts) or last >= len(ends) or starts[first] != start or ends[last] != end:
        return None
    return (first, last) if first <= last else None


class CachedSplitter:
    """A splitter that cuts each text once; at `limit` the units of the oldest texts are dropped.

    `limit` counts the characters of the texts that are kept; None keeps all. Pickled, it takes the
    splitter along and leaves what it remembers behind.
    """

    def __init__(self, splitter: WordSplitter, limit: int | None = None) -> None:
        self.splitter = splitter
        self.limit = limit
        self._kept: OrderedDict[str, tuple[Unit, ...]] = OrderedDict()
        self._size = 0

    def __call__(self, text: str, lower: bool = True) -> Iterator[tuple[str, int, int]]:
        """Yield the units of `text` in order."""
        for start, end in self._units(text):
            token = text[start:end]
            yield (token.lower() if lower else token), start, end

    def prepare(self, texts: Iterable[str]) -> None:
        """Cut many texts at once, as gliner2 will ask for them."""
        wanted = [text for text in dict.fromkeys(texts) if gliner_text(text) not in self._kept]
        for text, units in zip(wanted, units_of_all(self.splitter, wanted), strict=True):
            self._keep(gliner_text(text), tuple(units))

    def __getattr__(self, name: str) -> Any:
        # What else the splitter offers (`describe`, `sentences`) is offered here too.
        if name.startswith("__") or name in ("splitter", "many"):
            raise AttributeError(name)
        return getattr(self.splitter, name)

    def __getstate__(self) -> dict[str, Any]:
        return {"splitter": self.splitter, "limit": self.limit}

    def __setstate__(self, state: dict[str, Any]) -> None:
        CachedSplitter.__init__(self, state["splitter"], state["limit"])

    def _units(self, text: str) -> tuple[Unit, ...]:
        units = self._kept.get(text)
        if units is None:
            units = tuple((start, end) for _, start, end in self.splitter(text, False))
            self._keep(text, units)
        elif self.limit is not None:
            self._kept.move_to_end(text)
        return units

    def _keep(self, text: str, units: tuple[Unit, ...]) -> None:
        self._kept[text] = units
        self._size += len(text)
        while self.limit is not None and self._size > self.limit:
            oldest, _ = self._kept.popitem(last=False)
            self._size -= len(oldest)


@dataclass(frozen=True)
class LabelCoverage:
    """Of one label: its mentions, with those that are unlocated, and those that units express."""

    mentions: int
    aligned: int


@dataclass(frozen=True)
class Coverage:
    """What units can express of some examples' gold; `mentions` counts the unlocated too.

    `within[w]` counts the mentions of at most `w` units, `widths[w]` those of exactly `w`.
    """

    examples: int
    mentions: int
    unlocated: int
    aligned: int
    within: dict[int, int]
    widths: dict[int, int]
    by_label: dict[str, LabelCoverage]
    units_mean: float
    units_max: int

    @property
    def aligned_share(self) -> float:
        """The share of all mentions that begin and end with a unit."""
        return self.aligned / self.mentions if self.mentions else 0.0

    def share(self, width: int) -> float:
        """The share of all mentions that are aligned and at most `width` units wide."""
        narrow = sum(count for wide, count in self.widths.items() if wide <= width)
        return narrow / self.mentions if self.mentions else 0.0


@dataclass
class CoverageCount:
    """Coverage while it is being counted, one example at a time, in constant memory."""

    examples: int = 0
    unlocated: int = 0
    units: int = 0
    units_max: int = 0
    widths: Counter[int] = field(default_factory=Counter)
    gold: Counter[str] = field(default_factory=Counter)
    aligned: Counter[str] = field(default_factory=Counter)

    def add(self, example: Example, units: Sequence[Unit]) -> None:
        """Count one example with the units of its text."""
        self.examples += 1
        self.units += len(units)
        self.units_max = max(self.units_max, len(units))
        self.unlocated += len(example.unlocated)
        self.gold.update(gold.label for gold in example.unlocated)
        starts, ends = [start for start, _ in units], [end for _, end in units]
        for mention in example.mentions:
            self.gold[mention.label] += 1
            found = align(mention, starts, ends)
            if found is not None:
                self.aligned[mention.label] += 1
                self.widths[found[1] - found[0] + 1] += 1

    def result(self) -> Coverage:
        """Return what was counted so far."""
        widths = dict(sorted(self.widths.items()))
        within = {most: sum(n for w, n in widths.items() if w <= most) for most in WIDTHS}
        return Coverage(
            examples=self.examples,
            mentions=self.gold.total(),
            unlocated=self.unlocated,
            aligned=self.aligned.total(),
            within=within,
            widths=widths,
            by_label={
                label: LabelCoverage(count, self.aligned[label])
                for label, count in self.gold.items()
            },
            units_mean=self.units / self.examples if self.examples else 0.0,
            units_max=self.units_max,
        )


def measure_coverage(examples: Iterable[Example], splitter: WordSplitter) -> Coverage:
    """Count what the units of `splitter` can express of the examples' gold."""
    examples = list(examples)
    count = CoverageCount()
    cut = units_of_all(splitter, (example.text for example in examples))
    for example, units in zip(examples, cut, strict=True):
        count.add(example, units)
    return count.result()


def suggest_max_width(coverage: Coverage, share: float = 0.995, most: int = 24) -> int:
    """Return the smallest width that covers `share` of the aligned mentions, at most `most`."""
    if not coverage.aligned:
        return USUAL_WIDTH
    seen = 0
    for width, mentions in sorted(coverage.widths.items()):
        seen += mentions
        if seen >= share * coverage.aligned:
            return min(width, most)
    return most


AROUND = 16
FAR = 5_000


@dataclass(frozen=True)
class Missed:
    """A gold mention that is lost, its line and label, and the units or the text it met."""

    line: int | None
    id: str
    label: str
    text: str
    context: str
    units: tuple[str, ...] = ()


@dataclass
class Worst:
    """The examples that lose most, at most `most` of them, each with its first few losses."""

    most: int = 20
    each: int = 5
    _kept: list[tuple[int, int, list[Missed]]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def add(self, lost: int, shown: list[Missed]) -> None:
        """Offer one example by how many mentions it loses."""
        heapq.heappush(self._kept, (lost, -next(self._order), shown[: self.each]))
        if len(self._kept) > self.most:
            heapq.heappop(self._kept)

    def wants(self, lost: int) -> bool:
        """Whether an example that loses so many would be kept."""
        return lost > 0 and (len(self._kept) < self.most or lost > self._kept[0][0])

    def listed(self) -> list[Missed]:
        """List the losses of the kept examples, the worst example first."""
        return [one for _, _, shown in sorted(self._kept, reverse=True) for one in shown]


def unaligned(example: Example, units: Sequence[Unit], most: int) -> list[Missed]:
    """Show the first mentions that do not begin and end with a unit."""
    starts, ends = [start for start, _ in units], [end for _, end in units]
    lost = (one for one in example.mentions if align(one, starts, ends) is None)
    return [_missed(example, one, units) for one, _ in zip(lost, range(most), strict=False)]


def unlocated(example: Example, most: int) -> list[Missed]:
    """Show the first gold strings that do not stand in the text, with what is nearest to them."""
    return [
        Missed(example.line, example.id, gold.label, gold.text, _nearest(example.text, gold))
        for gold in example.unlocated[:most]
    ]


def _missed(example: Example, mention: Mention, units: Sequence[Unit]) -> Missed:
    touched = tuple(
        example.text[start:end]
        for start, end in units
        if start < mention.end and end > mention.start
    )
    context = _context(example.text, mention.start, mention.end)
    return Missed(example.line, example.id, mention.label, mention.text, context, touched)


def _context(text: str, start: int, end: int) -> str:
    before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    return " ".join(f"{before}«{text[start:end]}»{after}".split())


def _nearest(text: str, gold: Unlocated) -> str:
    """Show the place that has the longest run of characters in common with the gold."""
    near = text[:FAR]
    found = SequenceMatcher(None, near, gold.text, autojunk=False).find_longest_match()
    return _context(near, found.a, found.a + found.size) if found.size else ""
