"""Windows: pieces of a document that an encoder can read at once, cut at sentence ends.

Lengths are counted in subtokens of units, because that is what fills an encoder's positions.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from encswap.data.tasks import tasks_inside
from encswap.data.units import SENTENCE_MARKS, Unit, gliner_text
from encswap.errors import InputError
from encswap.types import Example, Mention, Prediction, WordSplitter, labels_of

# gliner2's prompt around the labels: ( [P] entities ( … ) ) [SEP_TEXT], with [E] before each.
FRAME = 7


@dataclass(frozen=True)
class Lengths:
    """A distribution of lengths."""

    mean: float
    median: int
    p95: int
    max: int

    @classmethod
    def of(cls, counted: Counter[int]) -> Lengths:
        """Summarise lengths by how often each was seen."""
        total = counted.total()
        if not total:
            return cls(0.0, 0, 0, 0)
        mean = sum(length * count for length, count in counted.items()) / total
        return cls(mean, _quantile(counted, 0.5), _quantile(counted, 0.95), max(counted))


@dataclass(frozen=True)
class Ruler:
    """How an encoder counts: the subtokens of one unit, and how many it reads, None for any."""

    count: Callable[[str], int]
    limit: int | None

    def length(self, text: str, units: Sequence[Unit]) -> int:
        """Count the subtokens of a text's units, lower-cased as gliner2 reads them."""
        whole = gliner_text(text)
        return sum(self.count(whole[start:end].lower()) for start, end in units)

    def prompt(self, labels: Iterable[str]) -> int:
        """Count the subtokens of the prompt that asks for these labels."""
        return FRAME + sum(1 + self.count(label) for label in labels)


@dataclass(frozen=True)
class EncoderLengths:
    """Lengths in one encoder's subtokens; `over` texts do not fit with the prompt and are cut."""

    lengths: Lengths
    limit: int | None
    prompt: int
    over: int

    @classmethod
    def of(cls, counted: Counter[int], ruler: Ruler, labels: Sequence[str]) -> EncoderLengths:
        """Summarise what was counted with `ruler`."""
        prompt = ruler.prompt(labels)
        room = None if ruler.limit is None else ruler.limit - prompt
        over = sum(n for length, n in counted.items() if room is not None and length > room)
        return cls(Lengths.of(counted), ruler.limit, prompt, over)


def _quantile(counted: Counter[int], share: float) -> int:
    wanted, seen = share * counted.total(), 0
    for length in sorted(counted):
        seen += counted[length]
        if seen >= wanted:
            return length
    return 0


# Full stops that stand between words need white space after them: 3.5, example.org.
_END = re.compile(r"[.!?…]+[\"'”’»)\]}]*(?=\s|$)|[。！？]+[」』”’）]*|\n+")


def sentence_ends(text: str, splitter: WordSplitter | None = None) -> list[int]:
    """List the places behind the sentences of `text`, the last of them its end.

    A splitter may offer `sentences(text)`, which lists spans in order.
    """
    offered = getattr(splitter, "sentences", None)
    ends = (
        [end for _, end in offered(text)]
        if offered is not None
        else [found.end() for found in _END.finditer(text)]
    )
    return sorted({*ends, len(text)})


Count = Callable[[str], int]
"""Tell how many subtokens one unit, lower-cased, becomes."""
OVERLAP = 24
"""How many units two windows share where a sentence is too long for one."""


@dataclass(frozen=True)
class Window:
    """A part of a document as an example of its own; `offset` is where its text begins there.

    `document` tells documents apart: a name, or a place, for ids may repeat.
    """

    example: Example
    document: Hashable
    offset: int

    @property
    def end(self) -> int:
        """Where its text ends in the document."""
        return self.offset + len(self.example.text)


def cut(
    example: Example,
    *,
    splitter: WordSplitter,
    count: Count,
    budget: int,
    overlap: int = OVERLAP,
    document: Hashable = None,
) -> list[Window]:
    """Cut an example into windows of at most `budget` subtokens, gold included.

    `document` is what the windows call it; its id where nothing is given.

    Windows end at sentence ends that no mention reaches across; they overlap only where a sentence
    alone is too long. A mention is in no window only if it is wider than one. An example that fits
    is its own window.
    """
    if budget < 1:
        raise InputError(
            f"a window of {budget} subtokens holds nothing",
            hint="shorten the labels' descriptions or take an encoder with more positions",
        )
    name = example.id if document is None else document
    plan = _Plan(example, splitter, count, budget, overlap)
    if plan.cost <= budget:
        return [Window(example, name, 0)]
    return [_window(example, name, plan, first, stop) for first, stop in plan.windows()]


def merge(
    windows: Sequence[Window], predictions: Sequence[Iterable[Prediction]]
) -> dict[Hashable, list[Prediction]]:
    """Bring each window's predictions back to document offsets, by document.

    Of the same span and label the higher score stays. Where windows overlap, a prediction that
    touches the cut is left to the window that sees beyond it.
    """
    neighbours: dict[Hashable, list[Window]] = {}
    for window in windows:
        neighbours.setdefault(window.document, []).append(window)
    best: dict[Hashable, dict[tuple[int, int, str], Prediction]] = {name: {} for name in neighbours}
    for window, found in zip(windows, predictions, strict=True):
        kept = best[window.document]
        for one in _placed(window, found):
            key = (one.start, one.end, one.label)
            if _seen_whole(one, window, neighbours[window.document]) and (
                key not in kept or kept[key].score < one.score
            ):
                kept[key] = one
    return {name: [kept[key] for key in sorted(kept)] for name, kept in best.items()}


def _placed(window: Window, found: Iterable[Prediction]) -> Iterator[Prediction]:
    for one in found:
        # gliner2's appended full stop is no character of the document.
        end = min(one.end, len(window.example.text))
        if one.start < end:
            yield replace(one, start=one.start + window.offset, end=end + window.offset)


def _seen_whole(one: Prediction, window: Window, others: Sequence[Window]) -> bool:
    """Whether no other window holds this span and has more context where this one is cut."""
    touched = _touched(one, window)
    return not touched or not any(
        other.offset <= one.start and one.end <= other.end and _touched(one, other) < touched
        for other in others
    )


def _touched(one: Prediction, window: Window) -> int:
    """Count the ends of the window that a span reaches."""
    return (one.start == window.offset) + (one.end == window.end)


def _window(example: Example, document: Hashable, plan: _Plan, first: int, stop: int) -> Window:
    start, end = plan.pieces[first][0], plan.pieces[stop - 1][1]
    inside = (_clipped(mention, start, end) for mention in example.mentions)
    part = replace(
        example,
        id=f"{example.id}@{start}",
        text=example.text[start:end],
        mentions=tuple(mention for mention in inside if mention is not None),
        # Counted once in the document, so once among its windows.
        unlocated=example.unlocated if first == 0 else (),
        labels=tuple(labels_of([example])),
        tasks=tasks_inside(example, start, end),
    )
    return Window(part, document, start)


def _clipped(mention: Mention, start: int, end: int) -> Mention | None:
    """Move a mention into a window; only white space around it may stay outside."""
    first, last = _trimmed(mention)
    if first < start or last > end:
        return None
    first, last = max(mention.start, start), min(mention.end, end)
    text = mention.text[first - mention.start : last - mention.start]
    return Mention(first - start, last - start, mention.label, text)


def _trimmed(mention: Mention) -> tuple[int, int]:
    before = len(mention.text) - len(mention.text.lstrip())
    return mention.start + before, mention.start + len(mention.text.rstrip())


class _Plan:
    """The pieces of a text, what they cost, and where windows may end, as numbers of pieces."""

    def __init__(
        self, example: Example, splitter: WordSplitter, count: Count, budget: int, overlap: int
    ) -> None:
        self.example = example
        self.splitter = splitter
        self.count = count
        self.budget = budget
        self.overlap = overlap
        self.pieces: list[tuple[int, int]] = []
        self.cost = 0
        costs: list[int] = []
        for token, start, end in splitter(gliner_text(example.text), True):
            cost = count(token)
            self.cost += cost
            for piece in self._small(start, min(end, len(example.text)), cost):
                self.pieces.append(piece[:2])
                costs.append(piece[2])
        self.costs_until = list(accumulate(costs, initial=0))
        self._furthest: dict[int, int] = {}

    def windows(self) -> Iterator[tuple[int, int]]:
        """Yield the windows, each as its first piece and the one behind its last."""
        first, last = 0, len(self.pieces)
        while first < last:
            whole = self._sentence_stop(first)
            stop = whole or self.furthest(first)
            yield first, stop
            first = whole or self._restart(first, stop)

    def furthest(self, first: int) -> int:
        """Return the piece behind the longest window that begins with piece `first`."""
        if first not in self._furthest:
            stop = self._reach(first)
            while stop > first + 1 and not self._holds(first, stop):
                stop -= 1
            self._furthest[first] = stop
        return self._furthest[first]

    def _reach(self, first: int) -> int:
        """Return the piece that `furthest` is at most, by what pieces cost in the document."""
        stop = bisect_right(self.costs_until, self.costs_until[first] + self.budget) - 1
        return max(first + 1, min(stop, len(self.pieces)))

    def _holds(self, first: int, stop: int) -> bool:
        """Whether the window stays within budget when it is split on its own."""
        text = self.example.text[self.pieces[first][0] : self.pieces[stop - 1][1]]
        units = self.splitter(gliner_text(text), True)
        return sum(self.count(token) for token, _, _ in units) <= self.budget

    def _sentence_stop(self, first: int) -> int:
        """Return the last sentence end that a window from `first` can reach, else 0."""
        at = bisect_right(self.stops, self._reach(first)) - 1
        while at >= 0 and self.stops[at] > first:
            if self._holds(first, self.stops[at]):
                return self.stops[at]
            at -= 1
        return 0

    def _restart(self, first: int, stop: int) -> int:
        """Return where the next window begins after a cut inside a sentence."""
        start = max(first + 1, stop - self.overlap, (first + stop + 1) // 2)
        crossing = [
            begin
            for begin, end in self.mentions
            if first < begin < stop < end and self.furthest(begin) >= end
        ]
        start = min([start, *crossing])
        while start < stop and self.furthest(start) <= stop:
            start += 1
        return start

    @cached_property
    def mentions(self) -> list[tuple[int, int]]:
        """The mentions as pieces: the first, and the one behind the last."""
        starts, ends = [start for start, _ in self.pieces], [end for _, end in self.pieces]
        trimmed = (_trimmed(mention) for mention in self.example.mentions)
        return [(bisect_right(ends, start), bisect_left(starts, end)) for start, end in trimmed]

    @cached_property
    def stops(self) -> list[int]:
        """The pieces behind sentence ends that no mention reaches across."""
        starts = [start for start, _ in self.pieces]
        ends = sentence_ends(self.example.text, self.splitter)
        found = sorted({bisect_left(starts, end) for end in ends})
        inside: set[int] = set()
        for begin, end in self.mentions:
            crossed = found[bisect_right(found, begin) : bisect_left(found, end)]
            if crossed and self.furthest(begin) >= end:
                inside.update(crossed)
        return [stop for stop in found if stop not in inside]

    def _small(self, start: int, end: int, cost: int) -> Iterator[tuple[int, int, int]]:
        """Halve a unit that is longer than a window, until each part fits with a full stop."""
        if cost + self.count(SENTENCE_MARKS[0]) <= self.budget or end - start < 2:
            if start < end:
                yield start, end, cost
            return
        middle = (start + end) // 2
        for first, last in ((start, middle), (middle, end)):
            yield from self._small(first, last, self.count(self.example.text[first:last].lower()))
