"""The labels of several files, compared: what only one holds, and what differs by a hair."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from encswap.errors import InputError
from encswap.types import Example, labels_of

Counted = Mapping[str, int] | Mapping[str, int | None]
"""Labels with their gold mentions: 0 where a label is never marked, None where not counted."""


@dataclass(frozen=True)
class Alike:
    """Two labels that a person would take for one, and how they differ."""

    first: str
    second: str
    by: str


def count_labels(examples: Iterable[Example]) -> dict[str, int]:
    """Count the gold of each label, that which is not in its text too."""
    examples = list(examples)
    gold = Counter(one.label for example in examples for one in example.gold)
    return {label: gold[label] for label in labels_of(examples)}


def labels_alike(labels: Iterable[str]) -> list[Alike]:
    """List pairs of labels that differ only by case, by spacing (also `_` and `-`), or by both."""
    groups: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels):
        groups.setdefault(_bare(label), []).append(label)
    return [
        Alike(group[0], other, _difference(group[0], other))
        for group in groups.values()
        for other in group[1:]
    ]


def compare_labels(parts: Mapping[str, Counted]) -> list[str]:
    """Say in a line each what the labels of the parts do not share, and which are nearly one."""
    lines = list(_alike_lines(parts))
    names = list(parts)
    for name in names:
        others = [other for other in names if other != name]
        only = {
            label: count
            for label, count in parts[name].items()
            if all(label not in parts[other] for other in others)
        }
        if only:
            lines.append(f"labels that only {name} has: {_counted(only)}")
    return lines


def refuse_apart(
    train: Counted, other: Counted, name: str, *, where: object = None, known: str = "train"
) -> None:
    """Refuse parts whose gold shares no label: training, or scoring, could only fail."""
    marked, found = ({k: n for k, n in part.items() if n != 0} for part in (train, other))
    if not marked or not found or marked.keys() & found.keys():
        return
    near = [
        pair
        for pair in labels_alike([*marked, *found])
        if (pair.first in marked) != (pair.second in marked)
    ]
    hint = (
        f"write them alike: {near[0].second!r} and {near[0].first!r} differ by {near[0].by}"
        if near
        else "train and score on documents that were annotated for the same labels"
    )
    raise InputError(
        f"no label of {known} has gold in {name}: {known} has {_counted(marked)}; "
        f"{name} has {_counted(found)}",
        where=str(where) if where is not None else None,
        hint=hint,
    )


def without_labels(example: Example, labels: Iterable[str]) -> Example:
    """Return an example as if nobody had ever looked for these labels in it."""
    out = set(labels)
    return _of_labels(example, lambda label: label not in out)


def with_labels_alone(example: Example, labels: Iterable[str]) -> Example:
    """Return an example as if it had been annotated for these labels alone."""
    kept = set(labels)
    return _of_labels(example, lambda label: label in kept)


def _of_labels(example: Example, keep: Callable[[str], bool]) -> Example:
    annotated = example.annotated
    return replace(
        example,
        mentions=tuple(one for one in example.mentions if keep(one.label)),
        unlocated=tuple(one for one in example.unlocated if keep(one.label)),
        labels=tuple(label for label in example.labels if keep(label)),
        descriptions={k: text for k, text in example.descriptions.items() if keep(k)},
        annotated=None if annotated is None else tuple(one for one in annotated if keep(one)),
    )


def with_file_labels(examples: Sequence[Example]) -> list[Example]:
    """Take the labels of a file as the label set of each document that names none of its own."""
    labels = tuple(labels_of(examples))
    return [
        example if example.annotated is not None else replace(example, annotated=labels)
        for example in examples
    ]


def not_named(examples: Iterable[Example]) -> tuple[int, dict[str, int]]:
    """Count the documents that name no label set and, by label, those that do not name it.

    Formats whose records name no labels at all (rows of tags, bare spans) are not counted: there
    the labels are the file's.
    """
    examples = list(examples)
    if not any(example.labels for example in examples):
        return 0, {}
    loose = [example for example in examples if example.annotated is None]
    named = Counter(label for example in loose for label in labels_of([example]))
    lacking = {label: len(loose) - named[label] for label in labels_of(examples)}
    return len(loose), {label: count for label, count in lacking.items() if count}


def not_named_line(
    examples: Sequence[Example], doing: str = "they are trained as holding none"
) -> str:
    """Say which labels documents do not name, that are taken as holding none; "" where all do."""
    _, lacking = not_named(examples)
    if not lacking:
        return ""
    total = f"{len(examples):,}"
    first, *rest = lacking.items()
    more = "".join(f"; {count:,} not {label}" for label, count in rest[:7])
    more += f"; and so for {len(rest) - 7} labels more" if len(rest) > 7 else ""
    return (
        f"{first[1]:,} of {total} documents do not name {first[0]}{more}: {doing} "
        "(a record names its label set by `labels` or by empty lists)"
    )


def shared_ids(examples: Iterable[Example], others: Iterable[Example]) -> list[str]:
    """List the ids that stand on both sides, in the order of the first."""
    known = {other.id for other in others if other.names_source}
    own = (example.id for example in examples if example.names_source)
    return list(dict.fromkeys(name for name in own if name in known))


def repeated_ids(examples: Iterable[Example]) -> dict[str, int]:
    """Count the documents of each id that more than one document has, the most frequent first."""
    often = Counter(example.id for example in examples if example.names_source)
    return {name: count for name, count in often.most_common() if count > 1}


def repeated_line(repeated: Mapping[str, int]) -> str:
    """Say how many ids repeat; "" where none does."""
    if not repeated:
        return ""
    name, most = next(iter(repeated.items()))
    ids = "1 id repeats" if len(repeated) == 1 else f"{len(repeated):,} ids repeat"
    return (
        f"{ids}, {sum(repeated.values()):,} documents in all ({name!r} {most:,} times): documents "
        "are told apart by their place, and those that share an id stay on one side of a split"
    )


def _alike_lines(parts: Mapping[str, Counted]) -> Iterator[str]:
    for pair in labels_alike(label for part in parts.values() for label in part):
        first, second = (
            f"{label!r} ({_places(label, parts)})" for label in (pair.first, pair.second)
        )
        yield f"labels {first} and {second} differ only by {pair.by}: they are taken as two"


def _places(label: str, parts: Mapping[str, Counted]) -> str:
    return ", ".join(
        name if (count := part[label]) is None else f"{name}: {count:,}"
        for name, part in parts.items()
        if label in part
    )


def _counted(labels: Counted) -> str:
    shown = [
        label if count is None else f"{label} ({count:,})"
        for label, count in list(labels.items())[:8]
    ]
    return ", ".join(shown) + (f" and {len(labels) - 8} more" if len(labels) > 8 else "")


def _bare(label: str) -> str:
    return _unspaced(unicodedata.normalize("NFKC", label)).casefold()


def _unspaced(label: str) -> str:
    return "".join(char for char in label if not (char.isspace() or char in "_-"))


def _difference(one: str, other: str) -> str:
    if one.casefold() == other.casefold():
        return "case"
    if _unspaced(one) == _unspaced(other):
        return "spacing"
    if unicodedata.normalize("NFKC", one) == unicodedata.normalize("NFKC", other):
        return "Unicode form"
    return "case and spacing"
