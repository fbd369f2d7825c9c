"""Inspecting a file of examples: what units can express of its gold, and what else to know.

The file is read in batches, and what is kept of it does not grow with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from encswap.data.fingerprints import Fingerprint
from encswap.data.inspection import Inspection, SplitterView
from encswap.data.lengths import EncoderLengths, Lengths, Ruler
from encswap.data.locate import Repair
from encswap.data.missed import Worst, unaligned, unlocated
from encswap.data.notes import Notes
from encswap.data.oddities import oddities
from encswap.data.options import ReadOptions
from encswap.data.readers import Reading, iter_examples, open_examples
from encswap.data.twins import SHOWN, TwinCount
from encswap.data.units import CoverageCount, units_of_all
from encswap.domain import Example, WordSplitter
from encswap.errors import InputError

BATCH = 512

Progress = Callable[[int], None]


@dataclass
class _SplitterCount:
    """One splitter's view while it is being counted."""

    splitter: WordSplitter
    rulers: Mapping[str, Ruler]
    coverage: CoverageCount = field(default_factory=CoverageCount)
    worst: Worst = field(default_factory=Worst)
    lengths: dict[str, Counter[int]] = field(default_factory=dict)

    def add(self, example: Example, units: Sequence[tuple[int, int]]) -> None:
        before = self.coverage.aligned.total()
        self.coverage.add(example, units)
        lost = len(example.mentions) - (self.coverage.aligned.total() - before)
        if self.worst.wants(lost):
            self.worst.add(lost, unaligned(example, units, self.worst.each))
        for name, ruler in self.rulers.items():
            length = ruler.length(example.text, units)
            self.lengths.setdefault(name, Counter())[length] += 1

    def result(self, labels: Iterable[str]) -> SplitterView:
        labels = list(labels)
        lengths = {
            name: EncoderLengths.of(counted, self.rulers[name], labels)
            for name, counted in self.lengths.items()
        }
        return SplitterView(self.coverage.result(), tuple(self.worst.listed()), lengths)


class _Count:
    """Everything that is counted of a file, one batch at a time."""

    def __init__(
        self, path: Path, splitters: Mapping[str, WordSplitter], rulers: Mapping[str, Ruler]
    ) -> None:
        self.path = path
        self.splitters = {name: _SplitterCount(one, rulers) for name, one in splitters.items()}
        self.labels: Counter[str] = Counter()
        self.examples = self.unlocated = self.repaired = 0
        self.repairs: list[tuple[str, Repair]] = []
        self.missing = Worst()
        self.within = TwinCount(path)
        self.across: TwinCount | None = None
        self.odd: dict[str, list[int]] = {}
        self.odd_counts: Counter[str] = Counter()
        self.characters: Counter[int] = Counter()

    def hold_against(self, path: Path) -> None:
        """Remember the texts of another file, to find them again in this one."""
        self.across = TwinCount(path)
        for number, example in enumerate(iter_examples(path), start=1):
            self.across.index.add(Fingerprint.of(example.text), example.line or number)

    def repair(self, where: str, repair: Repair) -> None:
        """Take notice of a repaired gold string."""
        self.repaired += 1
        if len(self.repairs) < SHOWN:
            self.repairs.append((where, repair))

    def add(self, batch: Sequence[Example]) -> None:
        """Count a batch of examples."""
        for example in batch:
            self._add(example)
        for counted in self.splitters.values():
            cut = units_of_all(counted.splitter, (example.text for example in batch))
            for example, units in zip(batch, cut, strict=True):
                counted.add(example, units)

    def _add(self, example: Example) -> None:
        self.examples += 1
        line = example.line or self.examples
        self.characters[len(example.text)] += 1
        self.labels.update(dict.fromkeys(example.labels, 0))
        self.labels.update(mention.label for mention in example.mentions)
        self.labels.update(gold.label for gold in example.unlocated)
        self.unlocated += len(example.unlocated)
        if self.missing.wants(len(example.unlocated)):
            shown = unlocated(example, self.missing.each)
            self.missing.add(len(example.unlocated), shown)
        for kind in oddities(example.text):
            self.odd_counts[kind] += 1
            lines = self.odd.setdefault(kind, [])
            if len(lines) < SHOWN:
                lines.append(line)
        fingerprint = Fingerprint.of(example.text)
        if self.across is not None:
            self.across.look_up(fingerprint, line)
        self.within.look_up(fingerprint, line)
        self.within.index.add(fingerprint, line)

    def result(self, reading: Reading) -> Inspection:
        """Return what was found."""
        return Inspection(
            file=self.path,
            format=reading.format.name,
            notes=tuple(reading.notes),
            examples=self.examples,
            mentions=self.labels.total(),
            unlocated=self.unlocated,
            labels=dict(self.labels.most_common()),
            splitters={name: one.result(self.labels) for name, one in self.splitters.items()},
            repaired=self.repaired,
            repairs=tuple(self.repairs),
            missing=tuple(self.missing.listed()),
            within=self.within.result(),
            across=self.across.result() if self.across is not None else None,
            odd=dict(self.odd_counts),
            odd_lines={kind: tuple(lines) for kind, lines in self.odd.items()},
            characters=Lengths.of(self.characters),
        )


def inspect(
    path: Path,
    splitters: Mapping[str, WordSplitter],
    *,
    format: str = "auto",  # noqa: A002
    options: ReadOptions | None = None,
    against: Path | None = None,
    rulers: Mapping[str, Ruler] | None = None,
    progress: Progress | None = None,
) -> Inspection:
    """Read a file once and count; `progress` is told how many examples were read.

    Raises InputError where the file cannot be read or holds no gold at all.
    """
    count = _Count(path, splitters, rulers or {})
    if against is not None:
        count.hold_against(against)
    reading = open_examples(path, format, options=options, notes=Notes(on_repair=count.repair))
    with reading.source:
        for batch in _batches(iter(reading)):
            count.add(batch)
            if progress is not None:
                progress(count.examples)
    if not count.labels.total():
        raise InputError(
            "the file holds no mention", where=path, hint="coverage is measured on gold mentions"
        )
    return count.result(reading)


def _batches(examples: Iterator[Example]) -> Iterator[list[Example]]:
    return iter(partial(_next_batch, examples), [])


def _next_batch(examples: Iterator[Example]) -> list[Example]:
    return list(islice(examples, BATCH))
