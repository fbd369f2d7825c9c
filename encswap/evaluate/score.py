"""Scored candidates: one pass of the model, from which every threshold is resolved exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from encswap import distributed as processes
from encswap.data.windows import Window, cut, merge
from encswap.evaluate.prompts import divide, task_prompt, text_budget
from encswap.gliner import scoring as heads
from encswap.gliner.batches import collate, subtoken_counter
from encswap.gliner.schema import EntitySchema, schema_for
from encswap.types import Example, Prediction, WordSplitter

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FLOOR = 0.05
Progress = Callable[[int], None]


def score_texts(
    model: PreTrainedModel,
    texts: Sequence[str],
    asked: EntitySchema,
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
    model: PreTrainedModel, texts: list[str], asked: EntitySchema, floor: float
) -> Iterator[list[Prediction]]:
    schema = schema_for(asked.labels, descriptions=asked.descriptions)
    # The prompt holds a label once, however often it was asked for: its places are the schema's.
    labels = tuple(schema["entities"])
    batch = collate(model, [(text, schema) for text in texts], training=False)
    batch = batch.to(next(model.parameters()).device)
    for place, spans in enumerate(heads.scored_spans(model, batch, floor)):
        starts, ends = batch.start_mappings[place], batch.end_mappings[place]
        # gliner2 ends every text with a full stop, which may be none of the text's own.
        yield [
            Prediction(starts[first], ends[last], labels[label], score)
            for label, first, last, score in spans
            if ends[last] <= len(texts[place])
        ]


def cut_windows(
    model: PreTrainedModel,
    examples: Sequence[Example],
    asked: EntitySchema,
    splitter: WordSplitter,
    max_length: int,
) -> list[Window]:
    """Cut examples to what the encoder takes: subtokens, with the schema prompt counted in.

    Windows name their documents by place, for ids may repeat. Raises `InputError` where the labels,
    or the tasks of an example, leave no room for text.
    """
    budget = text_budget(model, asked, max_length)
    return _cut(model, examples, splitter, lambda one: budget - task_prompt(model, one, budget))


def _cut(
    model: PreTrainedModel,
    examples: Sequence[Example],
    splitter: WordSplitter,
    budget: Callable[[Example], int],
) -> list[Window]:
    count = subtoken_counter(model)
    return [
        window
        for place, one in enumerate(examples)
        for window in cut(one, splitter=splitter, count=count, budget=budget(one), document=place)
    ]


def score_documents(
    model: PreTrainedModel,
    examples: Sequence[Example],
    asked: EntitySchema,
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
        bare = [replace(examples[place], mentions=(), tasks={}) for place in places]
        groups = divide(model, asked.only(labels), max_length)
        budget = min(text_budget(model, group, max_length) for group in groups)
        windows = _cut(model, bare, splitter, lambda _: budget)  # noqa: B023 - called at once
        texts = processes.shard([window.example.text for window in windows])
        scored: list[list[Prediction]] = [[] for _ in texts]
        for group in groups:
            part = score_texts(
                model, texts, group, floor=floor, batch_size=batch_size, progress=progress
            )
            scored = [before + more for before, more in zip(scored, part, strict=True)]
        merged = merge(windows, processes.gather_shards(scored, len(windows)))
        for number, place in enumerate(places):
            found[place] = merged.get(number, [])
    return found


def _by_labels(
    examples: Sequence[Example], asked: EntitySchema
) -> dict[tuple[str, ...], list[int]]:
    """Group the places of documents by the labels to ask them for; those of none are left out."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, example in enumerate(examples):
        labels = tuple(label for label in asked.labels if example.is_annotated(label))
        if labels:
            groups.setdefault(labels, []).append(place)
    return groups
