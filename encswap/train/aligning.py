"""Bringing a new encoder's word vectors to the base's, before training, where heads are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from encswap.data.windows import cut
from encswap.domain import Example, WordSplitter
from encswap.errors import InputError
from encswap.evaluate.candidates import Asked
from encswap.evaluate.prompts import text_budget
from encswap.recipe import Recipe
from encswap.swap import alignment, gliner
from encswap.swap.heads import encode_words
from encswap.swap.subtokens import subtoken_counter
from encswap.train.progress import Unwatched, Watcher

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

KEEP_HEADS = ("surgical", "lora")
BATCH = 8


@dataclass(frozen=True)
class Pair:
    """A swapped model and its base, with the texts and the question that both are given."""

    model: PreTrainedModel
    base: PreTrainedModel
    texts: tuple[str, ...]
    asked: Asked

    def vectors(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors of the same words, the model's and the base's, without gradients."""
        splitter = self.model.processor.word_splitter
        ours, theirs = (
            _gathered(one, texts, self.asked, splitter) for one in (self.model, self.base)
        )
        return ours, theirs


def refuse_alignment(recipe: Recipe) -> None:
    """Refuse to align an encoder with heads that are not kept."""
    if recipe.alignment != "none" and recipe.strategy not in KEEP_HEADS:
        raise InputError(
            f"alignment {recipe.alignment} needs kept heads, strategy {recipe.strategy} has new "
            "ones",
            hint=f"choose --strategy {' or '.join(KEEP_HEADS)}, or alignment none",
        )


def align_encoder(
    recipe: Recipe,
    model: PreTrainedModel,
    base: PreTrainedModel,
    examples: Sequence[Example],
    asked: Asked,
    *,
    watcher: Watcher | None = None,
) -> tuple[str, ...]:
    """Align in place as the recipe says, on the first of the examples; returns remarks.

    Units are those of the model's splitter, for both encoders. Raises `InputError` or `SwapError`
    where there is nothing to align by.
    """
    refuse_alignment(recipe)
    if recipe.alignment == "none":
        return ()
    watcher = watcher or Unwatched()
    watcher.stage("align")
    chosen = examples[: recipe.alignment_texts]
    texts = shared_texts(model, base, chosen, asked, recipe.max_length)
    pair = Pair(model, base, tuple(texts), asked)
    if recipe.alignment == "phase":
        return (_pull(recipe, pair, watcher),)
    alignment.refuse_other_heads(model)
    return (_map(recipe.alignment, pair),)


def shared_texts(
    model: PreTrainedModel,
    base: PreTrainedModel,
    examples: Sequence[Example],
    asked: Asked,
    max_length: int,
) -> list[str]:
    """Cut documents into texts that both encoders take."""
    counters = [subtoken_counter(one) for one in (model, base)]
    budget = min(text_budget(one, asked, max_length) for one in (model, base))
    return [
        window.example.text
        for example in examples
        for window in cut(
            example,
            splitter=model.processor.word_splitter,
            count=lambda unit: max(count(unit) for count in counters),
            budget=budget,
        )
    ]


def word_vectors(
    model: PreTrainedModel, texts: Sequence[str], asked: Asked, splitter: WordSplitter
) -> torch.Tensor:
    """Vectors (n, hidden) of the first subtoken of each unit, as gliner2 reads them."""
    import torch

    own = model.processor.word_splitter
    model.processor.word_splitter = splitter
    try:
        schema = gliner.schema_for(asked.labels, descriptions=asked.descriptions)
        batch = gliner.collate(model, [(text, schema) for text in texts], training=False)
        words, _ = encode_words(model, batch.to(next(model.parameters()).device))
    finally:
        model.processor.word_splitter = own
    return torch.cat(list(words)).float()


def _gathered(
    model: PreTrainedModel, texts: Sequence[str], asked: Asked, splitter: WordSplitter
) -> torch.Tensor:
    import torch

    was_training = model.training
    model.eval()
    with torch.inference_mode():
        found = [word_vectors(model, part, asked, splitter) for part in _parts(texts)]
    model.train(was_training)
    return torch.cat(found).clone()


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + BATCH] for start in range(0, len(texts), BATCH))


def _map(method: str, pair: Pair) -> str:
    """Fit a map in closed form and fold it into the heads; every fifth text judges it."""
    fitting = [text for place, text in enumerate(pair.texts) if place % 5]
    if not fitting:
        raise InputError("too few texts to align by", hint="raise alignment_texts")
    fit = {"ridge": alignment.fit_ridge, "procrustes": alignment.fit_procrustes}[method]
    ours, theirs = pair.vectors(fitting)
    fitted = fit(ours, theirs)
    left = alignment.unexplained(fitted, *pair.vectors(pair.texts[::5]))
    counting = alignment.fold(pair.model, fitted, ours)
    return (
        f"heads read the encoder through a map ({method}, fitted on {len(ours)} words) that leaves "
        f"{left:.3f} of the variance of other words; exact in span, class and count heads, "
        f"refitted in the counting layer, where {counting:.3f} of the variance is left"
    )


def _pull(recipe: Recipe, pair: Pair, watcher: Watcher) -> str:
    """Train the encoder alone towards the base's vectors, in units of the base's deviation."""
    import torch

    encoder, splitter = pair.model.encoder, pair.model.processor.word_splitter
    deviation = _gathered(pair.base, pair.texts, pair.asked, splitter).std(dim=0).clamp_min(1e-6)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=recipe.encoder_lr)
    generator = torch.Generator().manual_seed(recipe.seed)
    count, losses = len(pair.texts), []
    was_training = pair.model.training
    pair.model.eval()
    for step in range(recipe.alignment_steps):
        chosen = torch.randint(count, (recipe.batch_size,), generator=generator).tolist()
        part = [pair.texts[place] for place in chosen]
        wanted = _gathered(pair.base, part, pair.asked, splitter)
        ours = word_vectors(pair.model, part, pair.asked, splitter)
        loss = ((ours - wanted) / deviation).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), recipe.max_grad_norm)
        optimizer.step()
        losses.append(float(loss.detach()))
        watcher.step(step + 1, recipe.alignment_steps, losses[-1])
    optimizer.zero_grad(set_to_none=True)
    pair.model.train(was_training)
    return (
        f"the encoder was pulled towards the base's word vectors for {recipe.alignment_steps} "
        f"steps: mean squared difference {losses[0]:.3f} at first, {losses[-1]:.3f} at last"
    )
