"""Recall by kind of mention: seen in training or not, frequency, length, document, nesting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from encswap.evaluate.intervals import bootstrap_f1
from encswap.evaluate.metrics import Counts
from encswap.report.run_results import Run, ScoredDocument
from encswap.types import Gold, Mention

SEED = 42
SEEN, FREQUENCY, LENGTH, DOCUMENT, NESTING = "seen", "frequency", "length", "document", "nesting"
ASPECTS = (SEEN, FREQUENCY, LENGTH, DOCUMENT, NESTING)
FREQUENCIES = ((1, 1), (2, 4), (5, None))
"""Of those that training marks at all; the others are a slice of `seen`."""
Bounds = tuple[int, int | None]


@dataclass(frozen=True)
class GoldMention:
    """A gold mention in its document: what slices it, and whether it was found exactly.

    `length` and `document_length` are in characters; `in_training` is None where not recorded.
    """

    document: int
    found: bool
    length: int
    document_length: int
    nested: bool
    in_training: int | None


@dataclass(frozen=True)
class MentionSlice:
    """The gold mentions with one property, with the recall of exact spans and its interval.

    `bounds` are the least and the greatest value (None: no limit) of the aspect; of `seen` and
    `nesting`, 1 for yes and 0 for no. `missing` are the places of documents that lack a mention.
    """

    aspect: str
    bounds: Bounds
    recall: float
    interval: tuple[float, float]
    support: int
    missed: int
    missing: frozenset[int]


def slices_of(run: Run) -> list[MentionSlice]:
    """Cut the gold of a run into slices; an aspect that tells nothing apart or is unknown is left.

    A prediction that meets no gold belongs to no slice, so slices have a recall and no precision
    (as the attribute-wise view of Fu et al., 2020, has for gold). Intervals draw documents.
    """
    mentions = [one for place in range(len(run.documents)) for one in _mentions(run, place)]
    found = []
    for aspect in ASPECTS:
        groups = _groups(aspect, mentions)
        if len(groups) > 1:
            found += [_slice(aspect, bounds, group) for bounds, group in groups]
    return found


def _mentions(run: Run, place: int) -> Iterator[GoldMention]:
    document, cases = run.documents[place], run.cases[place]
    exact = {case.gold for case in cases if case.kind == "exact"}
    nested = _nested(list(dict.fromkeys(document.example.mentions)))
    for gold, count in _counted(document):
        located = isinstance(gold, Mention)
        yield GoldMention(
            place,
            gold in exact,
            gold.end - gold.start if isinstance(gold, Mention) else len(gold.text),
            len(document.example.text),
            located and gold in nested,
            count,
        )


def _counted(document: ScoredDocument) -> Iterator[tuple[Gold, int | None]]:
    """Each gold mention with its count in training: one that stands twice in the file once."""
    gold, counts = document.example.gold, document.in_training
    known = counts if len(counts) == len(gold) else (None,) * len(gold)
    met: set[Gold] = set()
    for one, count in zip(gold, known, strict=True):
        if not isinstance(one, Mention) or one not in met:
            met.add(one)
            yield one, count


def _nested(gold: Sequence[Mention]) -> set[Mention]:
    """The mentions that share a character with another one."""
    found: set[Mention] = set()
    reach: Mention | None = None
    for one in sorted(gold, key=lambda mention: (mention.start, mention.end)):
        if reach is not None and one.start < reach.end:
            found |= {one, reach}
        if reach is None or one.end > reach.end:
            reach = one
    return found


def _groups(aspect: str, mentions: Sequence[GoldMention]) -> list[tuple[Bounds, list[GoldMention]]]:
    if aspect in (SEEN, FREQUENCY) and any(one.in_training is None for one in mentions):
        return []
    values = [_value(aspect, one) for one in mentions]
    groups = [
        (bounds, [one for one, value in zip(mentions, values, strict=True) if _in(value, bounds)])
        for bounds in _bounds(aspect, mentions, values)
    ]
    return [(bounds, group) for bounds, group in groups if group]


def _value(aspect: str, one: GoldMention) -> int:
    if aspect == SEEN:
        return int(bool(one.in_training))
    if aspect == FREQUENCY:
        return one.in_training or 0
    if aspect == NESTING:
        return int(one.nested)
    return one.length if aspect == LENGTH else one.document_length


def _in(value: int, bounds: Bounds) -> bool:
    low, high = bounds
    return low <= value and (high is None or value <= high)


def _bounds(
    aspect: str, mentions: Sequence[GoldMention], values: Sequence[int]
) -> Sequence[Bounds]:
    if aspect in (SEEN, NESTING):
        return ((1, 1), (0, 0))
    if aspect == FREQUENCY:
        return FREQUENCIES
    if aspect == DOCUMENT:  # thirds of the documents, not of their mentions
        values = list({one.document: one.document_length for one in mentions}.values())
    return _thirds(values)


def _thirds(values: Sequence[int]) -> list[Bounds]:
    """Cut into three ranges with about as many values each; fewer where values repeat."""
    ranked = sorted(values)
    if not ranked:
        return []
    edges = dict.fromkeys(ranked[(len(ranked) * part - 1) // 3] for part in (1, 2, 3))
    highs = sorted(edges)
    lows = [ranked[0], *(high + 1 for high in highs[:-1])]
    return list(zip(lows, highs, strict=True))


def _slice(aspect: str, bounds: Bounds, group: Sequence[GoldMention]) -> MentionSlice:
    documents: dict[int, Counts] = {}
    for one in group:
        # With as many predictions as gold, F1 is the recall: one bootstrap serves both.
        documents[one.document] = documents.get(one.document, Counts()) + Counts(one.found, 1, 1)
    counts = sum(documents.values(), Counts())
    missing = frozenset(one.document for one in group if not one.found)
    return MentionSlice(
        aspect,
        bounds,
        counts.recall,
        bootstrap_f1(list(documents.values()), seed=SEED),
        counts.gold,
        counts.gold - counts.correct,
        missing,
    )
