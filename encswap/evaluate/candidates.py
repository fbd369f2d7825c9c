"""Scored candidates: one pass of the model, from which every threshold is resolved exactly."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encswap.domain import Prediction
from encswap.swap import gliner, heads
from encswap.swap.labels import clean_label, distinct_labels

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FLOOR = 0.05
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Asked:
    """What the model is asked to find: labels, with descriptions where there are any."""

    labels: tuple[str, ...]
    descriptions: Mapping[str, str]

    @classmethod
    def of(
        cls, labels: Iterable[str], descriptions: Mapping[str, str] | None = None, where: str = ""
    ) -> Asked:
        """Ask for labels as a person wrote them: each once; `InputError` for an empty one."""
        told = {clean_label(label): text for label, text in (descriptions or {}).items()}
        return cls(distinct_labels(labels, where), told)

    def only(self, labels: tuple[str, ...]) -> Asked:
        """The same for some of the labels."""
        if labels == self.labels:
            return self
        return Asked(
            labels, {key: self.descriptions[key] for key in self.descriptions if key in labels}
        )


def score_texts(
    model: PreTrainedModel,
    texts: Sequence[str],
    asked: Asked,
    *,
    floor: float = FLOOR,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> list[list[Prediction]]:
    """Score every span of every text; candidates at or above `floor`, overlaps not yet resolved.

    Texts of like length go together; the result is in the order given.
    """
    import torch

    was_training = model.training
    model.eval()
    found: list[list[Prediction]] = [[] for _ in texts]
    with torch.inference_mode():
        for places in _batches(texts, batch_size):
            chunk = [texts[place] for place in places]
            for place, candidates in zip(places, _score(model, chunk, asked, floor), strict=True):
                found[place] = candidates
            if progress is not None:
                progress(len(places))
    model.train(was_training)
    return found


def _batches(texts: Sequence[str], size: int) -> Iterator[list[int]]:
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _score(
    model: PreTrainedModel, texts: list[str], asked: Asked, floor: float
) -> Iterator[list[Prediction]]:
    schema = gliner.schema_for(asked.labels, descriptions=asked.descriptions)
    # The prompt holds a label once, however often it was asked for: its places are the schema's.
    labels = tuple(schema["entities"])
    batch = gliner.collate(model, [(text, schema) for text in texts], training=False)
    batch = batch.to(next(model.parameters()).device)
    for place, spans in enumerate(heads.scored_spans(model, batch, floor)):
        starts, ends = batch.start_mappings[place], batch.end_mappings[place]
        # gliner2 ends every text with a full stop, which may be none of the text's own.
        yield [
            Prediction(starts[first], ends[last], labels[label], score)
            for label, first, last, score in spans
            if ends[last] <= len(texts[place])
        ]


def resolve(
    candidates: Sequence[Prediction], threshold: float, policy: str | None
) -> list[Prediction]:
    """Keep what gliner2 would extract at `threshold`: overlaps resolved label by label."""
    by_label: dict[str, list[Prediction]] = {}
    for one in candidates:
        if one.score >= threshold:
            by_label.setdefault(one.label, []).append(one)
    found: list[Prediction] = []
    for same in by_label.values():
        found += _greedy(same) if policy is None else _by_policy(same, policy)
    return sorted(found, key=lambda one: (one.start, one.end, one.label))


def _greedy(candidates: Sequence[Prediction]) -> list[Prediction]:
    """Keep the best first, and drop what overlaps it: gliner2's default for span heads.

    gliner2 compares each candidate with all that are kept; those lie in order, so its two
    neighbours are enough. In a long document that is the difference of minutes.
    """
    starts: list[int] = []
    kept: list[Prediction] = []
    for one in sorted(candidates, key=lambda one: one.score, reverse=True):
        place = bisect_left(starts, one.end)
        if place == 0 or kept[place - 1].end <= one.start:
            starts.insert(place, one.start)
            kept.insert(place, one)
    return kept


def _by_policy(candidates: Sequence[Prediction], policy: str) -> Iterator[Prediction]:
    """Resolve by one of gliner2's policies, run by run: what does not touch cannot matter."""
    from gliner2.inference.candidate_decoder import finalize_spans

    for run in _runs(candidates):
        raw: list[Any] = [(one, one.score, one.start, one.end) for one in run]
        for kept in finalize_spans(raw, overlap_policy=policy):
            yield kept[0]


def _runs(candidates: Sequence[Prediction]) -> Iterator[list[Prediction]]:
    """Divide candidates where no one reaches across."""
    run: list[Prediction] = []
    end = 0
    for one in sorted(candidates, key=lambda one: (one.start, one.end)):
        if run and one.start >= end:
            yield run
            run = []
        run.append(one)
        end = max(end, one.end)
    if run:
        yield run
