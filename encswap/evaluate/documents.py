"""Scoring whole documents: cut into windows, scored, and put together in document offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from encswap import processes
from encswap.data.windows import Window, cut, merge
from encswap.domain import Example, Prediction, WordSplitter
from encswap.evaluate.candidates import FLOOR, Asked, Progress, score_texts
from encswap.swap.subtokens import position_limit, prompt_length, subtoken_counter

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def cut_windows(
    model: PreTrainedModel,
    examples: Sequence[Example],
    asked: Asked,
    splitter: WordSplitter,
    max_length: int,
) -> list[Window]:
    """Cut examples to what the encoder takes: subtokens, with the schema prompt counted in."""
    budget = position_limit(model, max_length) - prompt_length(
        model, asked.labels, asked.descriptions
    )
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

    Several processes share the windows, and each gets all candidates.
    """
    # Where gold stands must not decide where a document is cut that is being scored.
    bare = [replace(example, mentions=()) for example in examples]
    windows = cut_windows(model, bare, asked, splitter, max_length)
    part = score_texts(
        model,
        processes.shared([window.example.text for window in windows]),
        asked,
        floor=floor,
        batch_size=batch_size,
        progress=progress,
    )
    merged = merge(windows, processes.together(part, len(windows)))
    return [merged.get(example.id, []) for example in examples]
