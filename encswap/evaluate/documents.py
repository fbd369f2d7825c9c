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

    Raises `InputError` where the labels leave no room for text.
    """
    return _cut(model, examples, splitter, text_budget(model, asked, max_length))


def _cut(
    model: PreTrainedModel, examples: Sequence[Example], splitter: WordSplitter, budget: int
) -> list[Window]:
    count = subtoken_counter(model)
    return [
        window
        for example in examples
        for window in cut(example, splitter=splitter, count=count, budget=budget)
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

    Ids may repeat. Labels that do not fit into one prompt are asked in groups. Several processes
    share the windows, and each gets all candidates.
    """
    # Where gold stands must not decide where a document is cut that is being scored.
    bare = [replace(example, id=str(place), mentions=()) for place, example in enumerate(examples)]
    groups = divide(model, asked, max_length)
    budget = min(text_budget(model, group, max_length) for group in groups)
    windows = _cut(model, bare, splitter, budget)
    texts = processes.shared([window.example.text for window in windows])
    found: list[list[Prediction]] = [[] for _ in texts]
    for group in groups:
        part = score_texts(
            model, texts, group, floor=floor, batch_size=batch_size, progress=progress
        )
        found = [before + more for before, more in zip(found, part, strict=True)]
    merged = merge(windows, processes.together(found, len(windows)))
    return [merged.get(example.id, []) for example in bare]
