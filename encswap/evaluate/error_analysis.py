"""What became of each gold mention and each prediction: one kind for each, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from encswap.data.locate import is_ending
from encswap.data.units import Unit, align
from encswap.types import Example, Mention, Prediction, Unlocated

Kind = Literal["exact", "boundary", "label", "boundary-and-label", "missed", "spurious"]
KINDS: tuple[Kind, ...] = (
    "exact",
    "boundary",
    "label",
    "boundary-and-label",
    "missed",
    "spurious",
)
BORDERS = ("particle-attached", "particle-cut", "left", "right", "both-ends")
REASONS = (
    "unlocated",
    "unaligned",
    "too-wide",
    "below-threshold",
    "overlapped",
    "never-proposed",
    "unknown",
)
DETAILS: Mapping[Kind, tuple[str, ...]] = {
    "boundary": BORDERS,
    "boundary-and-label": BORDERS,
    "missed": REASONS,
}
Expressible = Literal["aligned", "unaligned", "too-wide"]


@dataclass(frozen=True)
class ErrorCase:
    """A gold mention with its prediction, or one of them alone; `detail` says where or why."""

    kind: Kind
    gold: Mention | Unlocated | None = None
    predicted: Prediction | None = None
    detail: str = ""

    @property
    def label(self) -> str:
        """The label that the case is counted under: the gold's, else the prediction's."""
        one = self.gold or self.predicted
        return one.label if one else ""


def expressible(
    example: Example, units: Sequence[Unit], max_width: int | None
) -> list[Expressible]:
    """Say of each mention whether units can make it up, within `max_width` of them."""
    starts, ends = [start for start, _ in units], [end for _, end in units]
    found: list[Expressible] = []
    for mention in example.mentions:
        place = align(mention, starts, ends)
        if place is None:
            found.append("unaligned")
        else:
            wide = max_width is not None and place[1] - place[0] + 1 > max_width
            found.append("too-wide" if wide else "aligned")
    return found


def classify(
    example: Example,
    predictions: Sequence[Prediction],
    candidates: Iterable[Prediction] = (),
    *,
    threshold: float = 0.5,
    own: Mapping[str, float] | None = None,
    expressed: Sequence[str] = (),
) -> list[ErrorCase]:
    """Put every gold mention and every prediction of a document into exactly one case.

    Pairs are made one to one: equal spans first, then spans that overlap, the largest share first;
    of equals, those of one label. `own` are thresholds of single labels; `expressed` says of each
    mention what `expressible` said.
    """
    gold = list(dict.fromkeys(example.mentions))
    pairs = _pair(gold, predictions)
    scores = {(c.start, c.end, c.label): c.score for c in candidates}
    means = dict(zip(example.mentions, expressed, strict=False))
    cases = [_paired(example.text, gold[g], predictions[p]) for g, p in sorted(pairs.items())]
    for place, mention in enumerate(gold):
        if place not in pairs:
            at = (own or {}).get(mention.label, threshold)
            reason = _reason(mention, means.get(mention), scores, at)
            cases.append(ErrorCase("missed", gold=mention, detail=reason))
    cases += [ErrorCase("missed", gold=one, detail="unlocated") for one in example.unlocated]
    used = set(pairs.values())
    cases += [
        ErrorCase("spurious", predicted=p) for n, p in enumerate(predictions) if n not in used
    ]
    return cases


def _pair(gold: Sequence[Mention], predictions: Sequence[Prediction]) -> dict[int, int]:
    ranked = sorted(
        (-_share(g, p), g.label != p.label, i, j)
        for i, g in enumerate(gold)
        for j, p in enumerate(predictions)
        if g.start < p.end and p.start < g.end
    )
    pairs: dict[int, int] = {}
    used: set[int] = set()
    # Exact, then one label, then one span, then the rest: what is nearest to right comes first.
    for stage in (_is_exact, _is_same_label, _is_same_span, _is_any):
        for _, _, i, j in ranked:
            if i not in pairs and j not in used and stage(gold[i], predictions[j]):
                pairs[i] = j
                used.add(j)
    return pairs


def _share(gold: Mention, predicted: Prediction) -> float:
    common = min(gold.end, predicted.end) - max(gold.start, predicted.start)
    return common / (max(gold.end, predicted.end) - min(gold.start, predicted.start))


def _is_exact(gold: Mention, predicted: Prediction) -> bool:
    return _is_same_span(gold, predicted) and _is_same_label(gold, predicted)


def _is_same_span(gold: Mention, predicted: Prediction) -> bool:
    return (gold.start, gold.end) == (predicted.start, predicted.end)


def _is_same_label(gold: Mention, predicted: Prediction) -> bool:
    return gold.label == predicted.label


def _is_any(_gold: Mention, _predicted: Prediction) -> bool:
    return True


def _paired(text: str, gold: Mention, predicted: Prediction) -> ErrorCase:
    if _is_same_span(gold, predicted):
        return ErrorCase("exact" if _is_same_label(gold, predicted) else "label", gold, predicted)
    kind: Kind = "boundary" if _is_same_label(gold, predicted) else "boundary-and-label"
    return ErrorCase(kind, gold, predicted, _border(text, gold, predicted))


def _border(text: str, gold: Mention, predicted: Prediction) -> str:
    if gold.start != predicted.start:
        return "left" if gold.end == predicted.end else "both-ends"
    if predicted.end > gold.end and is_ending(text[gold.end : predicted.end]):
        return "particle-attached"
    if predicted.end < gold.end and is_ending(text[predicted.end : gold.end]):
        return "particle-cut"
    return "right"


def _reason(
    gold: Mention,
    expressed: str | None,
    scores: Mapping[tuple[int, int, str], float],
    threshold: float,
) -> str:
    score = scores.get((gold.start, gold.end, gold.label))
    if score is not None:
        return "below-threshold" if score < threshold else "overlapped"
    if expressed in ("unaligned", "too-wide"):
        return str(expressed)
    return "never-proposed" if expressed else "unknown"


def tally(cases: Iterable[ErrorCase]) -> dict[str, Counter[str]]:
    """Count the cases: kind by label."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for case in cases:
        counts[case.kind][case.label] += 1
    return counts


def tally_details(cases: Iterable[ErrorCase], kind: Kind) -> dict[str, Counter[str]]:
    """Count where the borders of a kind are off, or why gold was missed: detail by label."""
    counts: dict[str, Counter[str]] = {detail: Counter() for detail in DETAILS.get(kind, ())}
    for case in cases:
        if case.kind == kind and case.detail:
            counts[case.detail][case.label] += 1
    return counts


def confusion(cases: Iterable[ErrorCase]) -> Counter[tuple[str | None, str | None]]:
    """Count pairs of gold label and predicted label; None stands where the other has no partner."""
    return Counter(_labels(cases))


def _labels(cases: Iterable[ErrorCase]) -> Iterator[tuple[str | None, str | None]]:
    for case in cases:
        yield (
            case.gold.label if case.gold else None,
            case.predicted.label if case.predicted else None,
        )
