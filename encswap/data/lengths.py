"""Lengths of texts, and how many subtokens they take of what an encoder can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from encswap.data.units import Unit, gliner_text

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
