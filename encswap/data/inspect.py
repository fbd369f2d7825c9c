"""Inspecting a file of examples: what units can express of its gold, and what else to know.

The file is read in batches, and what is kept of it does not grow with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from encswap.data.duplicates import MOST, SHOWN, DuplicateCount, Duplicates, Fingerprint
from encswap.data.formats.table import ReadOptions
from encswap.data.gold import PASSED
from encswap.data.label_sets import Alike, labels_alike
from encswap.data.locate import PassedOver, Repair
from encswap.data.notes import Note, Notes
from encswap.data.overlaps import POLICIES, Overlaps, ceiling_of, overlaps_of
from encswap.data.readers import Reading, iter_examples, open_examples
from encswap.data.tasks import TaskCount, with_values
from encswap.data.units import (
    WIDTHS,
    Coverage,
    CoverageCount,
    Missed,
    Worst,
    suggest_max_width,
    unaligned,
    units_of_all,
    unlocated,
)
from encswap.data.windows import EncoderLengths, Lengths, Ruler
from encswap.errors import InputError
from encswap.types import Example, WordSplitter, labels_of


@dataclass(frozen=True)
class RepeatedIds:
    """How many ids more than one document has, how many documents those are, and the worst id."""

    ids: int = 0
    examples: int = 0
    most: str | None = None
    times: int = 0


@dataclass(frozen=True)
class LabelSets:
    """How many documents name their label set, and by label how many of the others lack it.

    `not_named` is empty where the format's records name no labels: there they are the file's.
    """

    named: int = 0
    not_named: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Against:
    """Ids that another file has too, and labels that only one of the two has, with counts."""

    shared_ids: int
    labels_only_here: Mapping[str, int]
    labels_only_there: Mapping[str, int]


@dataclass(frozen=True)
class GoldFacts:
    """What was counted of a file's gold."""

    repeated: RepeatedIds
    label_sets: LabelSets
    overlaps: Overlaps
    alike: tuple[Alike, ...]
    against: Against | None


@dataclass
class GoldCount:
    """The same while it is being counted; at most `MOST` ids are remembered of a file."""

    ids: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    overlaps: Overlaps = field(default_factory=Overlaps)
    named: int = 0
    loose: int = 0
    naming: bool = False
    loose_labels: Counter[str] = field(default_factory=Counter)
    against: GoldCount | None = None
    shared: set[str] = field(default_factory=set)

    def add(self, example: Example) -> None:
        """Count one example."""
        self._add_id(example)
        self.overlaps += overlaps_of(example.mentions)
        labels = labels_of([example])
        self.labels.update(dict.fromkeys(labels, 0))
        self.labels.update(one.label for one in example.gold)
        self.naming = self.naming or bool(example.labels)
        if example.annotated is not None:
            self.named += 1
        else:
            self.loose += 1
            self.loose_labels.update(labels)

    def _add_id(self, example: Example) -> None:
        if not example.names_source:
            return
        if example.id in self.ids or len(self.ids) < MOST:
            self.ids[example.id] += 1
        if self.against is not None and example.id in self.against.ids:
            self.shared.add(example.id)

    def result(self) -> GoldFacts:
        """Return what was counted so far."""
        repeated = {name: count for name, count in self.ids.most_common() if count > 1}
        most = next(iter(repeated), None)
        lacking = {label: self.loose - self.loose_labels[label] for label in self.labels}
        others = self.against.labels if self.against is not None else {}
        return GoldFacts(
            RepeatedIds(
                len(repeated), sum(repeated.values()), most, max(repeated.values(), default=0)
            ),
            LabelSets(self.named, {k: n for k, n in lacking.items() if n and self.naming}),
            self.overlaps,
            tuple(labels_alike([*self.labels, *others])),
            self._against(),
        )

    def _against(self) -> Against | None:
        if self.against is None:
            return None
        return Against(
            len(self.shared),
            _only(self.labels, self.against.labels),
            _only(self.against.labels, self.labels),
        )


def _only(labels: Mapping[str, int], others: Iterable[str]) -> dict[str, int]:
    known = set(others)
    return {label: count for label, count in labels.items() if label not in known}


@dataclass(frozen=True)
class SplitterView:
    """What the units of one splitter express, the losses, and lengths by encoder.

    `overlapping` counts by overlap policy the aligned mentions that it cannot return. `values` is
    the coverage of relation arguments and structure fields, None where the file holds none.
    """

    coverage: Coverage
    worst: tuple[Missed, ...]
    lengths: Mapping[str, EncoderLengths]
    overlapping: Mapping[str, int] = field(default_factory=dict)
    values: Coverage | None = None

    def ceiling(self, policy: str) -> float:
        """The share of all mentions, of any width, that units and overlap policy can return."""
        found = self.coverage
        lost = self.overlapping.get(policy, 0)
        return (found.aligned - lost) / found.mentions if found.mentions else 0.0


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found in a file."""

    file: Path
    format: str
    examples: int
    mentions: int
    unlocated: int
    labels: Mapping[str, int]
    splitters: Mapping[str, SplitterView]
    repaired: int
    repairs: tuple[tuple[str, Repair], ...]
    missing: tuple[Missed, ...]
    within: Duplicates
    across: Duplicates | None
    unusual: Mapping[str, int]
    unusual_lines: Mapping[str, tuple[int, ...]]
    characters: Lengths
    gold: GoldFacts
    occurrences: str = "standalone"
    passed: int = 0
    passed_over: tuple[tuple[str, PassedOver], ...] = ()
    notes: tuple[Note, ...] = ()
    tasks: Mapping[str, Any] = field(default_factory=dict)


def as_json(found: Inspection) -> dict[str, Any]:
    """Return an inspection as others read it; shares are of all mentions, from 0 to 1."""
    return {
        "file": str(found.file),
        "format": found.format,
        "examples": found.examples,
        "mentions": found.mentions,
        "unlocated": found.unlocated,
        "repaired": found.repaired,
        "labels": dict(found.labels),
        "characters": asdict(found.characters),
        "splitters": {name: _splitter(view) for name, view in found.splitters.items()},
        "duplicates": {
            "within": _duplicates(found.within),
            "against": _duplicates(found.across) if found.across is not None else None,
        },
        "characters_unseen": {
            kind: {"examples": count, "lines": list(found.unusual_lines[kind])}
            for kind, count in found.unusual.items()
        },
        "unlocated_worst": [_missed(one) for one in found.missing],
        "notes": [{**asdict(one), "places": list(one.places)} for one in found.notes],
        "repeated_ids": asdict(found.gold.repeated),
        "overlaps": asdict(found.gold.overlaps),
        "label_sets": asdict(found.gold.label_sets),
        "labels_alike": [asdict(one) for one in found.gold.alike],
        "against": asdict(found.gold.against) if found.gold.against is not None else None,
        "occurrences": {
            "setting": found.occurrences,
            "passed_over": found.passed,
            "listed": [{"where": where, **asdict(one)} for where, one in found.passed_over],
        },
        "repairs": [{"where": where, **asdict(one)} for where, one in found.repairs],
        "tasks": dict(found.tasks),
    }


def _splitter(view: SplitterView) -> dict[str, Any]:
    coverage = view.coverage
    values = {} if view.values is None else {"values": _values(view.values)}
    return {
        **values,
        "aligned": _share(coverage.aligned_share),
        "within": {str(width): _share(coverage.share(width)) for width in WIDTHS},
        "units_per_example": {"mean": round(coverage.units_mean, 2), "max": coverage.units_max},
        "suggested_max_width": suggest_max_width(coverage),
        "ceiling": {policy: _share(view.ceiling(policy)) for policy in POLICIES},
        "widths": {str(width): count for width, count in coverage.widths.items()},
        "labels": {label: asdict(one) for label, one in coverage.by_label.items()},
        "lengths": {name: asdict(one) for name, one in view.lengths.items()},
        "unaligned_worst": [_missed(one) for one in view.worst],
    }


def _values(coverage: Coverage) -> dict[str, Any]:
    return {
        "spans": coverage.mentions,
        "aligned": _share(coverage.aligned_share),
        "within": {str(width): _share(coverage.share(width)) for width in WIDTHS},
        "suggested_max_width": suggest_max_width(coverage),
    }


def _duplicates(duplicates: Duplicates) -> dict[str, Any]:
    pairs = [{"line": one.line, "twin": one.match, "exact": one.exact} for one in duplicates.pairs]
    file = str(duplicates.pairs[0].file) if duplicates.pairs else None
    return {"exact": duplicates.exact, "near": duplicates.near, "file": file, "pairs": pairs}


def _missed(one: Missed) -> dict[str, Any]:
    return {**asdict(one), "units": list(one.units)}


def _share(value: float) -> float:
    return round(value, 6)


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
KINDS = {
    "decomposed": "characters that are not composed (not NFC)",
    "control": "control characters",
    "invisible": "zero-width characters, marks of direction, soft hyphens or byte-order marks",
}


def unusual_characters(text: str) -> list[str]:
    """List the kinds of unseen characters in a text."""
    found = [] if unicodedata.is_normalized("NFC", text) else ["decomposed"]
    found += ["control"] if _CONTROL.search(text) else []
    return found + (["invisible"] if _INVISIBLE.search(text) else [])


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
    overlapping: Counter[str] = field(default_factory=Counter)
    values: CoverageCount = field(default_factory=CoverageCount)

    def add(self, example: Example, units: Sequence[tuple[int, int]]) -> None:
        if example.tasks:
            self.values.add(with_values(example, alone=True), units)
        before = self.coverage.aligned.total()
        self.coverage.add(example, units)
        lost = len(example.mentions) - (self.coverage.aligned.total() - before)
        if self.worst.wants(lost):
            self.worst.add(lost, unaligned(example, units, self.worst.each))
        if overlaps_of(example.mentions) != Overlaps():
            for policy in POLICIES:
                ceiling = ceiling_of(example, units, None, policy)
                self.overlapping[policy] += ceiling.overlapping
        for name, ruler in self.rulers.items():
            length = ruler.length(example.text, units)
            self.lengths.setdefault(name, Counter())[length] += 1

    def result(self, labels: Iterable[str]) -> SplitterView:
        labels = list(labels)
        lengths = {
            name: EncoderLengths.of(counted, self.rulers[name], labels)
            for name, counted in self.lengths.items()
        }
        return SplitterView(
            self.coverage.result(),
            tuple(self.worst.listed()),
            lengths,
            {policy: self.overlapping[policy] for policy in POLICIES},
            self.values.result() if self.values.gold else None,
        )


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
        self.within = DuplicateCount(path)
        self.across: DuplicateCount | None = None
        self.unusual: dict[str, list[int]] = {}
        self.unusual_counts: Counter[str] = Counter()
        self.characters: Counter[int] = Counter()
        self.gold = GoldCount()
        self.tasks = TaskCount()

    def hold_against(self, path: Path) -> None:
        """Remember the texts of another file, to find them again in this one."""
        self.across = DuplicateCount(path)
        self.gold.against = GoldCount()
        for number, example in enumerate(iter_examples(path), start=1):
            self.gold.against.add(example)
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
        self.gold.add(example)
        self.tasks.add(example)
        self.labels.update(dict.fromkeys(example.labels, 0))
        self.labels.update(mention.label for mention in example.mentions)
        self.labels.update(gold.label for gold in example.unlocated)
        self.unlocated += len(example.unlocated)
        if self.missing.wants(len(example.unlocated)):
            shown = unlocated(example, self.missing.each)
            self.missing.add(len(example.unlocated), shown)
        for kind in unusual_characters(example.text):
            self.unusual_counts[kind] += 1
            lines = self.unusual.setdefault(kind, [])
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
            tasks=self.tasks.as_json(),
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
            unusual=dict(self.unusual_counts),
            unusual_lines={kind: tuple(lines) for kind, lines in self.unusual.items()},
            characters=Lengths.of(self.characters),
            gold=self.gold.result(),
            occurrences=reading.options.occurrences,
            passed=reading.notes.count(PASSED),
            passed_over=tuple(reading.notes.passed),
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
    if not count.labels.total() and not count.tasks.documents:
        raise InputError(
            "the file holds no mention", where=path, hint="coverage is measured on gold mentions"
        )
    return count.result(reading)


def _batches(examples: Iterator[Example]) -> Iterator[list[Example]]:
    return iter(partial(_next_batch, examples), [])


def _next_batch(examples: Iterator[Example]) -> list[Example]:
    return list(islice(examples, BATCH))
