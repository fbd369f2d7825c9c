"""The proof of an export: its logits, spans and F1 beside those of the model in torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from encswap.errors import SwapError
from encswap.evaluate.intervals import compare
from encswap.evaluate.metrics import Counts, micro
from encswap.evaluate.predict import Saved
from encswap.evaluate.score import FLOOR
from encswap.evaluate.summary import summarise
from encswap.evaluate.thresholds import Scored, score_at
from encswap.gliner.model import overlap_policy
from encswap.gliner.schema import EntitySchema
from encswap.gliner.scoring import raw_logits
from encswap.types import Example, Prediction

if TYPE_CHECKING:
    from encswap.runtime.runner import Runner

TOLERANCE = 1e-4
MOST_COMPARED = 500
"""Windows whose logits are compared."""


@dataclass(frozen=True)
class Agreement:
    """How an export and the model in torch agree on the same documents.

    `logits` is the largest difference of any valid span's or count's logit in `windows` windows;
    `spans` counts what torch extracts, `differing` the spans that only one of the two extracts.
    """

    documents: int
    windows: int
    logits: float
    spans: int
    differing: int

    def refuse(self) -> None:
        """Raise `SwapError` where the export is not the same model."""
        if self.logits > TOLERANCE or self.differing:
            raise SwapError(
                f"the export is not the same model: logits differ by up to {self.logits:.1e} "
                f"(allowed: {TOLERANCE:.0e}), {self.differing} of {self.spans} spans differ",
                hint="nothing was written; report the encoder's class and the versions of torch "
                "and onnxruntime",
            )


@dataclass(frozen=True)
class Loss:
    """F1 before and after on documents with gold; `difference` has a paired 95% interval."""

    before: dict[str, Any]
    after: dict[str, Any]
    difference: float
    low: float
    high: float
    documents: int

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


@dataclass(frozen=True)
class Reference:
    """A model in torch with documents, and what it finds in them."""

    saved: Saved
    examples: Sequence[Example]
    asked: EntitySchema
    threshold: float
    scored: Scored

    @classmethod
    def of(cls, saved: Saved, examples: Sequence[Example], asked: EntitySchema) -> Reference:
        """Score the documents in torch."""
        threshold, own = saved.used()
        found = saved.candidates(examples, asked, min(FLOOR, threshold, *own.values()))
        policy = overlap_policy(saved.model, saved.recipe.overlap_policy)
        scored = score_at(examples, found, threshold, policy, own)
        return cls(saved, examples, asked, threshold, scored)

    def scored_by(self, runner: Runner) -> Scored:
        """Score the documents with an export."""
        texts = [example.text for example in self.examples]
        found: list[list[Prediction]] = [[] for _ in texts]
        own = runner.description.thresholds
        floor = min(FLOOR, self.threshold, *own.values())
        for labels, places in self._by_labels().items():
            asked = self.asked.only(labels)
            part = runner.candidates([texts[place] for place in places], asked, floor)
            for place, one in zip(places, part, strict=True):
                found[place] = one
        policy = runner.description.overlap_policy
        return score_at(self.examples, found, self.threshold, policy, own)

    def _by_labels(self) -> dict[tuple[str, ...], list[int]]:
        groups: dict[tuple[str, ...], list[int]] = {}
        for place, example in enumerate(self.examples):
            labels = tuple(one for one in self.asked.labels if example.is_annotated(one))
            if labels:
                groups.setdefault(labels, []).append(place)
        return groups

    def agreement(self, runner: Runner, scored: Scored) -> Agreement:
        """Compare logits window by window, and spans document by document."""
        groups = runner.room.divide(self.asked)
        budget = min(runner.room.budget(group) for group in groups)
        texts = [example.text for example in self.examples[:MOST_COMPARED]]
        windows = runner.windows(texts, budget)[:MOST_COMPARED]
        worst = max(
            (
                self._difference(runner, window.example.text, group)
                for window in windows
                for group in groups
            ),
            default=0.0,
        )
        mine = [_spans(found) for found in self.scored.predictions]
        theirs = [_spans(found) for found in scored.predictions]
        return Agreement(
            documents=len(self.examples),
            windows=len(windows),
            logits=worst,
            spans=sum(map(len, mine)),
            differing=sum(len(a ^ b) for a, b in zip(mine, theirs, strict=True)),
        )

    def _difference(self, runner: Runner, text: str, asked: EntitySchema) -> float:
        import numpy as np

        counts, spans = raw_logits(self.saved.model, text, asked)
        (other,) = runner.logits([text], asked)
        mine = spans.float().cpu().numpy()
        valid = np.isfinite(mine)
        if mine.shape != other.spans.shape:
            return float("inf")
        between = np.abs(mine[valid] - other.spans[valid]).max(initial=0.0)
        return max(float(between), float(np.abs(counts.cpu().numpy() - other.counts).max()))

    def loss(self, scored: Scored) -> Loss:
        """Compare F1, documents drawn in pairs for the interval of the difference."""
        seed, labels = self.saved.recipe.seed, self.asked.labels
        both = [summarise(one, self.examples, labels, seed) for one in (self.scored, scored)]
        found = compare(_counts(self.scored), _counts(scored), seed=seed)
        return Loss(
            before=both[0]["micro"],
            after=both[1]["micro"],
            difference=found.f1,
            low=found.low,
            high=found.high,
            documents=len(self.examples),
        )


def _spans(found: Sequence[Prediction]) -> set[tuple[int, int, str]]:
    return {(one.start, one.end, one.label) for one in found}


def _counts(scored: Scored) -> list[Counts]:
    return [micro(document) for document in scored.documents]
