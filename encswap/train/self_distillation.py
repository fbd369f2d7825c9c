"""Self-distillation: a teacher keeps what the model could do, on texts without gold.

While a model is trained on a few labels, it is also asked for others, drawn anew each step, and
what it answers is held to what its teacher answers: the model before training, or the base
(learning without forgetting, Li and Hoiem, 2016). A step takes about twice as long.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encswap.data.input import checksum_of, find_data
from encswap.data.label_sets import with_file_labels
from encswap.data.readers import options_of, read_examples, read_texts
from encswap.data.tasks import KINDS, prompt_of
from encswap.data.units import units_of
from encswap.errors import InputError
from encswap.evaluate.retention import SHIPPED
from encswap.evaluate.score import cut_windows
from encswap.gliner.batches import collate, used_ids
from encswap.gliner.model import architecture_of
from encswap.gliner.schema import EntitySchema, schema_for
from encswap.gliner.scoring import TaskLogits, all_logits
from encswap.recipe import Recipe
from encswap.train.distillation import score_divergence
from encswap.types import Example, WordSplitter, labels_of

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

LABELS_ASKED = 8
"""The most labels that a text is asked for in one step."""


@dataclass(frozen=True)
class TeacherQuestions:
    """What the teacher is asked: labels, tasks of gliner2's format without gold, and on what."""

    texts: tuple[Example, ...]
    labels: tuple[str, ...]
    tasks: tuple[Mapping[str, Any], ...] = ()

    def draw(self, draw: random.Random, texts: Sequence[str]) -> tuple[str, dict[str, Any]]:
        """Draw a text with some labels in random order, and with one of the tasks half the time."""
        most = min(len(self.labels), LABELS_ASKED)
        labels = draw.sample(self.labels, draw.randint(1, most)) if most else []
        asks = self.tasks and (not labels or draw.random() < 0.5)
        return draw.choice(texts), schema_for(
            labels, tasks=dict(draw.choice(self.tasks)) if asks else None
        )


def read_questions(
    recipe: Recipe, train: Sequence[Example], sums: dict[str, str]
) -> TeacherQuestions | None:
    """Read what the recipe's teacher is asked; None where there is none.

    A label that is trained or held out is left out. Raises `InputError` where a file is missing or
    broken, or where nothing is left to ask for.
    """
    if not recipe.distill_start:
        return None
    texts = tuple(train)
    if recipe.distill_texts is not None:
        path = find_data(recipe.distill_texts)
        texts = tuple(read_texts(path, options_of(recipe)))
        if not texts:
            raise InputError("holds no text", where=path, hint="write one a line")
        sums["distill"] = checksum_of(path)
    labels, tasks = _asked(recipe)
    out = {*labels_of(train), *recipe.held_out_labels}
    kept = tuple(label for label in labels if label not in out)
    if not kept and not tasks:
        raise InputError(
            "distill_labels: every label is trained or held out, so the teacher is asked nothing",
            hint="name labels that the model should keep",
        )
    return TeacherQuestions(texts, kept, tasks)


def _asked(recipe: Recipe) -> tuple[list[str], tuple[Mapping[str, Any], ...]]:
    """The labels and tasks that are named, by themselves or by files; else the shipped ones."""
    files = [one for one in recipe.distill_labels if one.endswith((".jsonl", ".json"))]
    examples = [
        example
        for name in (files if recipe.distill_labels else SHIPPED.values())
        for example in with_file_labels(read_examples(find_data(name), options=options_of(recipe)))
    ]
    labels = [one for one in recipe.distill_labels if one not in files]
    return list(dict.fromkeys([*labels, *labels_of(examples)])), tuple(_tasks(examples))


def _tasks(examples: Iterable[Example]) -> list[Mapping[str, Any]]:
    """Each classification, relation and structure once, without gold."""
    found: dict[str, Mapping[str, Any]] = {}
    for example in examples:
        for kind in KINDS:
            for item in example.tasks.get(kind) or ():
                bare = {key: one for key, one in item.items() if key != "true_label"}
                prompt = prompt_of({kind: [bare if kind == "classifications" else item]})
                found.setdefault(repr(prompt), prompt)
    return list(found.values())


@dataclass(frozen=True)
class Teacher:
    """A frozen model that answers beside the one that is trained; both read the same words."""

    model: PreTrainedModel
    questions: TeacherQuestions
    texts: tuple[str, ...]
    splitter: WordSplitter
    weight: float
    seed: int

    def loss(self, student: PreTrainedModel, names: str, count: int) -> torch.Tensor:
        """How far the student's answers are from the teacher's, over `count` drawn texts.

        What is drawn depends on the seed and on `names` alone, so that a run that is resumed draws
        the same.
        """
        import torch

        draw = random.Random(f"{self.seed}/{names}")
        items = [self.questions.draw(draw, self.texts) for _ in range(count)]
        with torch.no_grad():
            meant = _answers(self.model, items, self.splitter)
        ours = _answers(student, items, self.splitter)
        parts = [divergence(one, two) for one, two in zip(ours, meant, strict=True)]
        return self.weight * torch.stack(parts).sum()


def divergence(ours: TaskLogits, meant: TaskLogits) -> torch.Tensor:
    """How far a model's answers to one text are from its teacher's; 0 where they are the same."""
    import torch

    total = meant.independent[0].new_zeros(()) if meant.independent else torch.zeros(())
    for mine, theirs, inside in zip(
        ours.independent, meant.independent, meant.possible, strict=True
    ):
        width = min(mine.shape[-1], theirs.shape[-1])
        total = total + score_divergence(
            mine[..., :width], theirs[..., :width], inside[..., :width]
        )
    if ours.counts is not None and meant.counts is not None:
        total = total + torch.nn.functional.kl_div(
            ours.counts.log_softmax(-1),
            meant.counts.log_softmax(-1),
            reduction="sum",
            log_target=True,
        )
    return total


def _answers(
    model: PreTrainedModel, items: list[tuple[str, dict[str, Any]]], splitter: WordSplitter
) -> list[TaskLogits]:
    own = model.processor.word_splitter
    model.processor.word_splitter = splitter
    try:
        batch = collate(model, items, training=False)
        return all_logits(model, batch.to(next(model.parameters()).device))
    finally:
        model.processor.word_splitter = own


def texts_to_ask(
    model: PreTrainedModel, questions: TeacherQuestions, splitter: WordSplitter, max_length: int
) -> tuple[str, ...]:
    """Cut the texts so that each fits with the longest prompt that may be drawn."""
    longest = sorted(questions.labels, key=len, reverse=True)[:LABELS_ASKED]
    asked = EntitySchema(tuple(longest), {})
    windows = cut_windows(model, questions.texts, asked, splitter, max_length)
    return tuple(window.example.text for window in windows)


def question_ids(
    model: PreTrainedModel, questions: TeacherQuestions, splitter: WordSplitter
) -> set[int]:
    """The rows of the embedding table that the teacher's questions use."""
    units = {
        one.text[start:end]
        for one in questions.texts
        for start, end in units_of(splitter, one.text)
    }
    return used_ids(model, units, questions.labels, {}, questions.tasks)


def make_teacher(
    recipe: Recipe,
    model: PreTrainedModel,
    base: PreTrainedModel,
    questions: TeacherQuestions,
    splitter: WordSplitter,
) -> Teacher:
    """Freeze the teacher: a copy of the model as it is now, or the base.

    Raises `InputError` where heads of different kinds could not be compared.
    """
    texts = texts_to_ask(model, questions, splitter, recipe.max_length)
    if recipe.distill_from == "start":
        shared = {id(model.processor): model.processor}
        frozen = copy.deepcopy(model, shared)
    else:
        frozen = base
    if architecture_of(frozen) != architecture_of(model):
        raise InputError("distill_from: the base's heads are of another kind than the model's")
    frozen.eval().requires_grad_(False)
    return Teacher(frozen, questions, texts, splitter, recipe.distill_start, recipe.seed)
