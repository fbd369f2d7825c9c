"""The plain tagger: the same encoder with transformers' linear BIO head, and its Trainer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from transformers import (
    DataCollatorForTokenClassification,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from encswap import distributed as processes
from encswap.data.windows import Window, cut, merge
from encswap.errors import TrainingError
from encswap.evaluate.thresholds import score_at
from encswap.gliner.batches import position_limit
from encswap.gliner.model import put_on_device
from encswap.recipe import Recipe
from encswap.rivals.bio import (
    IGNORED,
    OUTSIDE,
    Cut,
    Pieces,
    as_bio,
    cut_subtokens,
    cut_words,
    spans_of,
    special_ids,
    tags_of,
    without_overlaps,
)
from encswap.safety.trusted_classes import build_tagger
from encswap.train.progress import Progress
from encswap.train.trainer import keep_freed_memory, precision_of
from encswap.types import Example, LoadedEncoder, Prediction, Watcher, WordSplitter

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CERTAIN = 0.0
"""The threshold of a tagger: it has none, the likeliest tag of each piece counts."""
MINI_RATE = 2e-3


class TaggerRecipe(BaseModel):
    """A tagger's own settings; what it shares with the run is the run's.

    The defaults are those of common practice for encoders of this size: one rate of 5e-5 that
    falls linearly after a tenth, batch 16. Mini encoders start untrained and take larger steps.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 5e-5
    batch_size: Annotated[int, Field(ge=1)] = 16
    warmup_ratio: Annotated[float, Field(ge=0, le=1)] = 0.1
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    words: Literal["subtokens", "units"] = Field(
        "subtokens", description="what has a tag: every subtoken, or the splitter's words"
    )

    @classmethod
    def of(cls, recipe: Recipe) -> TaggerRecipe:
        """The tagger's settings in a run."""
        rate = {"learning_rate": MINI_RATE} if recipe.scale == "mini" else {}
        return cls.model_validate({**rate, **recipe.rival_settings.get("tagger", {})})


@dataclass
class Tagger:
    """A tagger with its tokenizer, and how it reads and cuts texts.

    `tags` are those of the head's places, in order; BIO of the labels where none are given.
    """

    model: PreTrainedModel
    encoder: LoadedEncoder
    cut: Cut
    splitter: WordSplitter
    labels: tuple[str, ...]
    max_length: int
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.tags = self.tags or bio_tags(self.labels)

    def windows(self, examples: Sequence[Example]) -> list[Window]:
        """Cut documents as for a GLiNER2 model, with the special tokens in the prompt's place."""
        found: list[Window] = []
        count = _counter(self.encoder)
        limit = position_limit(SimpleNamespace(encoder=self.model.base_model), self.max_length)
        special = sum(map(len, special_ids(self.encoder.tokenizer)))
        for place, example in enumerate(examples):
            budget = limit - special
            while True:
                parts = cut(
                    example,
                    splitter=self.splitter,
                    count=count,
                    budget=budget,
                    document=place,
                )
                longest = max((len(self.cut(one.example.text).ids) for one in parts), default=0)
                if longest <= limit:
                    break
                # Subtokens of a text may be more than those of its words, each tokenised alone.
                budget = budget * 3 // 4
            found += parts
        return found

    def sample(self, example: Example) -> dict[str, list[int]]:
        """What the Trainer learns from: ids, and the number of each place's tag."""
        pieces = self.cut(example.text)
        gold = iter(tags_of(pieces.tagged, without_overlaps(example.mentions)))
        numbers = {tag: number for number, tag in enumerate(self.tags)}
        tags = [IGNORED if place is None else numbers[next(gold)] for place in pieces.places]
        ids = list(pieces.ids)
        return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": tags}

    def predict(self, examples: Sequence[Example], batch_size: int = 16) -> list[list[Prediction]]:
        """Tag documents of any length; the spans of each, in the order of `examples`."""
        # Where gold stands must not decide where a document is cut that is being scored.
        windows = self.windows([replace(example, mentions=()) for example in examples])
        read = [self.cut(window.example.text) for window in windows]
        found: list[list[Prediction]] = [[] for _ in windows]
        order = sorted(range(len(read)), key=lambda place: len(read[place].ids))
        was_training = self.model.training
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                places = order[start : start + batch_size]
                for place, spans in zip(places, self._tag([read[p] for p in places]), strict=True):
                    found[place] = spans
        self.model.train(was_training)
        merged = merge(windows, found)
        return [merged.get(place, []) for place in range(len(examples))]

    def _tag(self, batch: Sequence[Pieces]) -> list[list[Prediction]]:
        device = next(self.model.parameters()).device
        longest = max(len(one.ids) for one in batch)
        padding = self.encoder.tokenizer.pad_token_id or 0
        ids = [[*one.ids, *[padding] * (longest - len(one.ids))] for one in batch]
        mask = [[1] * len(one.ids) + [0] * (longest - len(one.ids)) for one in batch]
        logits = self.model(
            input_ids=torch.tensor(ids, device=device),
            attention_mask=torch.tensor(mask, device=device),
        ).logits
        scores, numbers = logits.float().softmax(-1).max(-1)
        spans = []
        for one, own_scores, own in zip(batch, scores.tolist(), numbers.tolist(), strict=True):
            kept = [number for number, place in enumerate(one.places) if place is not None]
            tags = as_bio(self.tags[own[number]] for number in kept)
            # Rounding may put a probability a hair above one.
            spans.append(spans_of(one.tagged, tags, [min(own_scores[n], 1.0) for n in kept]))
        return spans


def bio_tags(labels: Sequence[str]) -> tuple[str, ...]:
    """The tags for labels: O, then B and I of each."""
    return (OUTSIDE, *(f"{sign}-{label}" for label in labels for sign in "BI"))


def _counter(encoder: LoadedEncoder) -> Callable[[str], int]:
    @lru_cache(maxsize=100_000)
    def count(word: str) -> int:
        return len(encoder.tokenizer(word, add_special_tokens=False, verbose=False)["input_ids"])

    return count


def make_tagger(
    recipe: Recipe,
    own: TaggerRecipe,
    encoder: LoadedEncoder,
    splitter: WordSplitter,
    labels: Sequence[str],
) -> Tagger:
    """Put a drawn head on the encoder, and settle how texts are read."""
    set_seed(recipe.seed)
    model = put_on_device(build_tagger(encoder.model.config, encoder.model, bio_tags(labels)))
    cut = (
        cut_words(encoder.tokenizer, splitter)
        if own.words == "units"
        else cut_subtokens(encoder.tokenizer)
    )
    return Tagger(model, encoder, cut, splitter, tuple(labels), recipe.max_length)


def train_tagger(
    tagger: Tagger,
    recipe: Recipe,
    own: TaggerRecipe,
    train: Sequence[Example],
    dev: Sequence[Example],
    *,
    updates: int,
    folder: Path,
    watcher: Watcher,
) -> Progress:
    """Train for at most so many updates, scored on dev as often as the run is; the best is kept.

    It stops early by the run's own rule. Raises `TrainingError` where the loss is not finite.
    """
    samples = [tagger.sample(window.example) for window in tagger.windows(train)]
    progress, best = Progress(), _Best()

    def close(number: int, loss: float) -> bool:
        scored = score_at(dev, tagger.predict(dev), CERTAIN, None)
        if progress.close(number, loss, scored.micro.f1, CERTAIN):
            best.keep(tagger.model)
        watcher.epoch(progress.epochs[-1], progress.since_best == 0)
        reason = progress.stop_reason(recipe.patience, recipe.overfit_patience)
        if reason is not None:
            watcher.stopped(reason)
        return reason is None

    trainer = _TaggerTrainer(
        model=tagger.model,
        args=arguments_of(recipe, own, updates, folder),
        train_dataset=samples,
        data_collator=DataCollatorForTokenClassification(tagger.encoder.tokenizer),
    )
    trainer.add_callback(_Epochs(trainer, updates, recipe.epochs, close, watcher))
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    if not torch.cuda.is_available():
        keep_freed_memory()
    trainer.train()
    best.put_back(tagger.model)
    return progress


def arguments_of(
    recipe: Recipe, own: TaggerRecipe, updates: int, folder: Path
) -> TrainingArguments:
    """The Trainer's arguments: the tagger's rate and batch, the run's seed and number format."""
    precision = precision_of(recipe)
    return TrainingArguments(
        output_dir=str(folder),  # where the Trainer is let write nothing
        max_steps=updates,
        per_device_train_batch_size=max(1, own.batch_size // processes.world_size()),
        learning_rate=own.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(own.warmup_ratio * updates),
        weight_decay=own.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        fp16=precision == "fp16",
        bf16=precision == "bf16",
        seed=recipe.seed,
        data_seed=recipe.seed,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


class _Best:
    """The weights of the best epoch, off the device."""

    def __init__(self) -> None:
        self.state: dict[str, torch.Tensor] = {}

    def keep(self, model: PreTrainedModel) -> None:
        self.state = {name: one.detach().cpu().clone() for name, one in model.state_dict().items()}

    def put_back(self, model: PreTrainedModel) -> None:
        if self.state:
            model.load_state_dict(self.state)


class _TaggerTrainer(Trainer):  # type: ignore[misc]
    """transformers' Trainer, which also tells the loss."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.losses: list[float] = []

    def training_step(self, *arguments: Any, **options: Any) -> torch.Tensor:
        loss: torch.Tensor = super().training_step(*arguments, **options)
        value = float(loss)
        if not math.isfinite(value):
            raise TrainingError(
                "the tagger's loss is not finite", hint="lower its learning_rate, or fp32"
            )
        self.losses.append(value)
        return loss


class _Epochs(TrainerCallback):  # type: ignore[misc]
    """Scores after each of as many equal parts of the updates as the run has epochs."""

    def __init__(
        self,
        trainer: _TaggerTrainer,
        updates: int,
        epochs: int,
        close: Callable[[int, float], bool],
        watcher: Watcher,
    ) -> None:
        self.trainer, self.close, self.watcher = trainer, close, watcher
        self.marks = sorted({math.ceil(updates * n / epochs) for n in range(1, epochs + 1)})

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        losses = self.trainer.losses
        self.watcher.step(state.global_step, state.max_steps, losses[-1])
        if state.global_step not in self.marks:
            return
        mean, number = sum(losses) / len(losses), self.marks.index(state.global_step) + 1
        losses.clear()
        if not self.close(number, mean):
            control.should_training_stop = True
