"""Scored candidates: one pass of the model, from which every threshold is resolved exactly."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

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
_Given = tuple[list[str], Any]
_Scored = list[list[Prediction]]


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
    was_training = model.training
    model.eval()
    found: list[list[Prediction]] = [[] for _ in texts]
    batches = list(_batches(model, texts, asked, batch_size))
    collated = (_collate(model, [texts[place] for place in places], asked) for places in batches)
    with closing(_each(model, partial(_score, model, asked, floor), collated)) as scored:
        for places, candidates in zip(batches, scored, strict=True):
            for place, one in zip(places, candidates, strict=True):
                found[place] = one
            if progress is not None:
                progress(len(places))
    model.train(was_training)
    return found


def _batches(
    model: PreTrainedModel, texts: Sequence[str], asked: EntitySchema, size: int
) -> Iterator[list[int]]:
    """Yield places of at most `size` texts of like length.

    On a CPU a small batch costs as much a text as a large one, so one ends where the next text
    would be so much longer that what is padded cost more than a call.
    """
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    on_cpu = next(model.parameters()).device.type == "cpu"
    prompt = sum(map(len, asked.labels)) if on_cpu else 0
    batch: list[int] = []
    for place in order:
        longest = len(texts[place])
        padded = sum(longest - len(texts[other]) for other in batch)
        if len(batch) == size or (on_cpu and padded > prompt + longest):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _collate(
    model: PreTrainedModel, texts: list[str], asked: EntitySchema
) -> tuple[list[str], Any]:
    schema = schema_for(asked.labels, descriptions=asked.descriptions)
    return texts, collate(model, [(text, schema) for text in texts], training=False)


def _score(
    model: PreTrainedModel, asked: EntitySchema, floor: float, given: tuple[list[str], Any]
) -> list[list[Prediction]]:
    import torch

    texts, batch = given
    # The prompt holds a label once, however often it was asked for: its places are the schema's.
    labels = tuple(dict.fromkeys(asked.labels))
    batch = batch.to(next(model.parameters()).device)
    with torch.inference_mode():  # each thread has its own
        return [
            [
                Prediction(starts[first], ends[last], labels[label], score)
                for label, first, last, score in spans
                # gliner2 ends every text with a full stop, which may be none of the text's own.
                if ends[last] <= len(text)
            ]
            for text, starts, ends, spans in zip(
                texts,
                batch.start_mappings,
                batch.end_mappings,
                heads.scored_spans(model, batch, floor),
                strict=True,
            )
        ]


def _each(
    model: PreTrainedModel, score: Callable[[_Given], _Scored], given: Iterator[_Given]
) -> Generator[_Scored, None, None]:
    """Score batches in their order; on a CPU as many at a time as torch uses cores.

    A core with a batch of its own waits for no other one, as it does many times a layer where
    several share one product. Batches are collated here: splitters are used from one thread.
    """
    import torch

    cores = torch.get_num_threads()
    first = list(islice(given, 2))
    if cores < 2 or len(first) < 2 or next(model.parameters()).device.type != "cpu":
        yield from map(score, chain(first, given))
        return
    try:
        # The number holds for the thread that sets it, and for those that begin later.
        with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            waiting = deque(pool.submit(score, one) for one in first)
            for one in given:
                waiting.append(pool.submit(score, one))
                if len(waiting) > 2 * cores:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        torch.set_num_threads(cores)


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
