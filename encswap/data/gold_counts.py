"""What is to be known of a file's gold before it is trained: ids, label sets, overlaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from encswap.data.fingerprints import MOST
from encswap.data.label_sets import Alike, labels_alike
from encswap.data.overlaps import Overlaps, overlaps_of
from encswap.domain import Example, labels_of


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
