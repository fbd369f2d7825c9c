"""Scoring whole documents: cut into windows, scored, and put together in document offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from encswap import processes
from encswap.data.windows import Window, cut, merge
from encswap.domain import Example, Prediction, WordSplitter
from encswap.evaluate.candidates import FLOOR, Asked, Progress, score_texts
from encswap.evaluate.prompts import divide, text_budget
from encswap.swap.subtokens import subtoken_counter

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def cut_windows(
    model: PreTrainedModel,
    examples: Sequence[Example],
    asked: Asked,
    splitter: WordSplitter,
    max_length: int,
) -> list[Window]:
    """Cut examples to what the encoder takes: subtokens, with the schema prompt counted in.

    Windows name their documents by place, for ids may repeat. Raises `InputError` where the labels
    leave no room for text.
    """
    return _cut(model, examples, splitter, text_budget(model, asked, max_length))


def _cut(
    model: PreTrainedModel, examples: Sequence[Example], splitter: WordSplitter, budget: int
) -> list[Window]:
    count = subtoken_counter(model)
    return [
        window
        for place, example in enumerate(examples)
        for window in cut(example, splitter=splitter, count=count, budget=budget, document=place)
    ]


def score_documents(
    model: PreTrainedModel,
    examples: Sequence[Example],
    asked: Asked,
    splitter: WordSplitter,
    *,
    max_length: int,
    floor: float = FLOOR,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> list[list[Prediction]]:
    """Score documents of any length; candidates of each, in the order of `examples`.

    A document that names its label set is asked for those labels alone. Labels that do not fit
    into one prompt are asked in groups. Several processes share the windows, and each gets all
    candidates.
    """
    found: list[list[Prediction]] = [[] for _ in examples]
    for labels, places in _by_labels(examples, asked).items():
        # Where gold stands must not decide where a document is cut that is being scored.
        bare = [replace(examples[place], mentions=()) for place in places]
        groups = divide(model, asked.only(labels), max_length)
        budget = min(text_budget(model, group, max_length) for group in groups)
        windows = _cut(model, bare, splitter, budget)
        texts = processes.shared([window.example.text for window in windows])
        scored: list[list[Prediction]] = [[] for _ in texts]
        for group in groups:
            part = score_texts(
                model, texts, group, floor=floor, batch_size=batch_size, progress=progress
            )
            scored = [before + more for before, more in zip(scored, part, strict=True)]
        merged = merge(windows, processes.together(scored, len(windows)))
        for number, place in enumerate(places):
            found[place] = merged.get(number, [])
    return found


def _by_labels(examples: Sequence[Example], asked: Asked) -> dict[tuple[str, ...], list[int]]:
    """Group the places of documents by the labels to ask them for; those of none are left out."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, example in enumerate(examples):
        labels = tuple(label for label in asked.labels if example.is_annotated(label))
        if labels:
            groups.setdefault(labels, []).append(place)
    return groups
