"""Teaching a swapped encoder by its base, on text that both read: alignment `distill`.

The base answers for texts with sampled labels; the swapped model, its heads frozen, learns first
the vectors of the same units and labels, then also the base's span scores. A multilingual encoder
that learned them in the base's language carries them into its others.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encswap.data.units import units_of
from encswap.gliner.batches import collate, used_ids
from encswap.gliner.model import architecture_of
from encswap.gliner.schema import schema_for
from encswap.gliner.scoring import encode_words
from encswap.recipe import Recipe
from encswap.types import Watcher, WordSplitter

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from transformers import PreTrainedModel

SCORES_FROM = 0.5
"""The share of the steps after which span scores are taught beside the vectors."""
LEAST_DEVIATION = 0.1
"""Of a dimension, as a share of the mean: one that hardly varies must not outweigh the others."""
LABELS_PER_TEXT = 8


@dataclass(frozen=True)
class Lesson:
    """What a model says of a batch: vectors of units and of labels, and span scores by text."""

    units: torch.Tensor
    labels: torch.Tensor
    scores: tuple[torch.Tensor, ...] = ()


def distill(
    recipe: Recipe,
    model: PreTrainedModel,
    base: PreTrainedModel,
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    watcher: Watcher,
) -> str:
    """Train the encoder towards the base on `texts`, in place; returns what came of it.

    Units are those of the base's splitter, for both. The same recipe, texts and labels give the
    same weights.
    """
    import torch

    from encswap.train.used_rows import grow, shrink

    splitter = base.processor.word_splitter
    units = {text[start:end] for text in texts for start, end in units_of(splitter, text)}
    shrink(model, used_ids(model, units, labels, {}))
    trained = [one for one in model.encoder.parameters() if one.requires_grad]
    steps = recipe.alignment_steps
    optimizer = torch.optim.AdamW(trained, lr=recipe.alignment_lr or recipe.encoder_lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate(step, steps, recipe.alignment_warmup)
    )
    draw = random.Random(recipe.seed)
    told: list[tuple[float, float]] = []
    with _evaluating(model), _evaluating(base), _cutting(model, splitter):
        scale = _deviations(base, texts, labels, draw)
        for step in range(steps):
            batch = _batch(texts, labels, recipe.alignment_batch, draw)
            scored = step >= SCORES_FROM * steps
            with torch.no_grad():
                meant = lesson_of(base, batch, scored=scored)
            apart, missed = _losses(lesson_of(model, batch, scored=scored), meant, scale)
            (apart + missed).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(trained, recipe.max_grad_norm)
            optimizer.step()
            schedule.step()
            model.zero_grad(set_to_none=True)
            told.append((float(apart.detach()), float(missed.detach())))
            watcher.step(step + 1, steps, sum(told[-1]))
    grow(model)
    return _remark(told, len(texts))


def lesson_of(
    model: PreTrainedModel, batch: Sequence[tuple[str, tuple[str, ...]]], *, scored: bool
) -> Lesson:
    """What a model says of texts, each with the labels that it is asked for."""
    import torch

    items = [(text, schema_for(labels)) for text, labels in batch]
    collated = collate(model, items, training=False).to(next(model.parameters()).device)
    words, schemas = encode_words(model, collated)
    labels = [torch.stack(found[0]) for found in schemas]
    scores: tuple[torch.Tensor, ...] = ()
    if scored and architecture_of(model) == "span":
        queries = [model.count_embed(found[1:], 1)[0] for found in labels]
        scores = tuple(model.compute_span_scores_batched(list(words), queries, mask_invalid=False))
    return Lesson(torch.cat(list(words)).float(), torch.cat(labels).float(), scores)


def _losses(
    ours: Lesson, meant: Lesson, scale: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean squared difference of the vectors, in deviations; and what the scores miss, by text."""
    apart = ((ours.units - meant.units) / scale[0]).square().mean()
    apart = apart + ((ours.labels - meant.labels) / scale[1]).square().mean()
    missed = apart.new_zeros(())
    for mine, theirs in zip(ours.scores, meant.scores, strict=True):
        width = min(mine.shape[-1], theirs.shape[-1])
        inside = _inside(mine.shape[1], width, mine.device)
        one = score_divergence(mine[..., :width], theirs[..., :width], inside)
        missed = missed + one / len(meant.scores)
    return apart, missed


def score_divergence(
    mine: torch.Tensor, theirs: torch.Tensor, inside: torch.Tensor
) -> torch.Tensor:
    """Sum the cross-entropies of scores to a teacher's, less its own entropy: zero where equal."""
    import torch

    goal = theirs.sigmoid()
    found = torch.nn.functional.binary_cross_entropy_with_logits(mine, goal, reduction="none")
    least = torch.nn.functional.binary_cross_entropy(goal, goal, reduction="none")
    return ((found - least) * inside).sum()


def _inside(words: int, width: int, device: Any) -> torch.Tensor:
    """Which spans end inside the text: (1, words, width)."""
    import torch

    ends = torch.arange(words, device=device)[:, None] + torch.arange(width, device=device)
    return (ends < words)[None]


def _deviations(
    base: PreTrainedModel, texts: Sequence[str], labels: Sequence[str], draw: random.Random
) -> tuple[torch.Tensor, torch.Tensor]:
    """The base's deviation of each dimension, of units and of labels: (hidden,) each."""
    import torch

    with torch.no_grad():
        seen = lesson_of(base, _batch(texts, labels, min(len(texts), 64), draw), scored=False)
    found = []
    for vectors in (seen.units, seen.labels):
        deviation = vectors.std(dim=0)
        found.append(deviation.clamp_min(LEAST_DEVIATION * float(deviation.mean())))
    return found[0], found[1]


def _batch(
    texts: Sequence[str], labels: Sequence[str], size: int, draw: random.Random
) -> list[tuple[str, tuple[str, ...]]]:
    """Draw texts, each with some of the labels, in a drawn order."""
    most = min(len(labels), LABELS_PER_TEXT)
    return [
        (draw.choice(texts), tuple(draw.sample(labels, draw.randint(1, most)))) for _ in range(size)
    ]


def _rate(step: int, steps: int, warmup: float) -> float:
    """Linear warm-up, then linear decay to zero."""
    warm = max(1, round(warmup * steps))
    return min((step + 1) / warm, max(steps - step, 0) / max(steps - warm, 1))


@contextmanager
def _evaluating(model: PreTrainedModel) -> Iterator[None]:
    """Keep a model in evaluation mode: what is taught must not depend on dropout."""
    before = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(before)


@contextmanager
def _cutting(model: PreTrainedModel, splitter: WordSplitter) -> Iterator[None]:
    """Let a model cut texts as another does."""
    own = model.processor.word_splitter
    model.processor.word_splitter = splitter
    try:
        yield
    finally:
        model.processor.word_splitter = own


def _remark(told: Sequence[tuple[float, float]], texts: int) -> str:
    """Say how far vectors and scores were apart at first and at last, over a tenth of the steps."""
    few = max(1, len(told) // 10)

    def mean(part: Sequence[float]) -> float:
        return sum(part) / len(part) if part else 0.0

    vectors = [one for one, _ in told]
    scores = [two for _, two in told[round(SCORES_FROM * len(told)) :]]
    said = (
        f"the base taught the encoder on {texts} texts for {len(told)} steps: mean squared "
        f"difference {mean(vectors[:few]):.3f} at first, {mean(vectors[-few:]):.3f} at last"
    )
    if any(scores):
        said += (
            f"; divergence of span scores by text {mean(scores[:few]):.3f} when they were first "
            f"taught, {mean(scores[-few:]):.3f} at last"
        )
    return said
