"""What a model says of documents beside entities, whatever their length.

Each task is asked in a prompt of its own. A document that is longer than a window is cut into
several: relations and structures come back in its own offsets, and its classes are those of the
mean probability over its windows, each weighted alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from encswap import distributed as processes
from encswap.data.tasks import KINDS, Kind, Schema
from encswap.data.windows import Window, cut
from encswap.errors import InputError
from encswap.gliner.batches import position_limit, subtoken_counter
from encswap.gliner.extraction import (
    FoundRelation,
    FoundStructure,
    TaskAnswers,
    TaskQuery,
    asking_length,
    extract,
    schema_to_ask,
)
from encswap.types import Example, WordSplitter

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LEAST_TEXT = 16


@dataclass
class Answers:
    """What was found in one document; `classes` are probabilities."""

    classes: dict[str, dict[str, float]] = field(default_factory=dict)
    relations: list[FoundRelation] = field(default_factory=list)
    structures: list[FoundStructure] = field(default_factory=list)


def question_of(schema: Schema, kind: Kind) -> TaskQuery:
    """Ask for one kind of task alone."""
    return TaskQuery(
        schema.classifications if kind == "classifications" else {},
        schema.multi,
        schema.options,
        schema.relations if kind == "relations" else (),
        schema.structures if kind == "json_structures" else {},
        schema.choices,
        schema.details,
    )


def answer(
    model: PreTrainedModel,
    examples: Sequence[Example],
    schema: Schema,
    splitter: WordSplitter,
    *,
    max_length: int,
    threshold: float,
    kinds: Sequence[Kind] = KINDS,
) -> list[Answers]:
    """Ask each document for the tasks that its record names; answers in the order of `examples`.

    Raises `InputError` where a prompt leaves no room for text.
    """
    found = [Answers() for _ in examples]
    for kind in kinds:
        places = [place for place, one in enumerate(examples) if kind in one.tasks]
        if places and schema.names[kind]:
            some = [examples[place] for place in places]
            parts = _answer(
                model,
                some,
                schema,
                splitter,
                max_length=max_length,
                threshold=threshold,
                kind=kind,
            )
            for place, one in zip(places, parts, strict=True):
                _add(found[place], one)
    return found


def _add(whole: Answers, part: Answers) -> None:
    whole.classes |= part.classes
    whole.relations += part.relations
    whole.structures += part.structures


def _answer(
    model: PreTrainedModel,
    examples: Sequence[Example],
    schema: Schema,
    splitter: WordSplitter,
    *,
    max_length: int,
    threshold: float,
    kind: Kind,
) -> list[Answers]:
    asked = schema_to_ask(model, question_of(schema, kind))
    limit = position_limit(model, max_length)
    budget = limit - asking_length(model, asked)
    if budget < LEAST_TEXT:
        raise InputError(
            f"the prompt of {kind} takes {limit - budget} of the {limit} subtokens that fit at "
            "once, so there is no room for text",
            hint=f"ask for fewer, shorten their descriptions, or raise max_length ({max_length})",
        )
    count = subtoken_counter(model)
    windows = [
        window
        for place, one in enumerate(examples)
        for window in cut(
            replace(one, mentions=(), tasks={}),
            splitter=splitter,
            count=count,
            budget=budget,
            document=place,
        )
    ]
    texts = processes.shard([window.example.text for window in windows])
    parts = processes.gather_shards(list(extract(model, texts, asked, threshold)), len(windows))
    return _merged(windows, parts, len(examples))


def _merged(
    windows: Sequence[Window], parts: Sequence[TaskAnswers], documents: int
) -> list[Answers]:
    found = [Answers() for _ in range(documents)]
    counts = [0] * documents
    for window, part in zip(windows, parts, strict=True):
        place = int(str(window.document))
        counts[place] += 1
        whole = found[place]
        for task, classes in part.classes.items():
            sums = whole.classes.setdefault(task, {})
            for label, score in classes.items():
                sums[label] = sums.get(label, 0.0) + score
        for relation in part.relations:
            moved = _moved(relation, window.offset)
            if moved not in whole.relations:
                whole.relations.append(moved)
        for structure in part.structures:
            placed = _placed(structure, window.offset)
            if placed not in whole.structures:
                whole.structures.append(placed)
    for whole, times in zip(found, counts, strict=True):
        whole.classes = {
            task: {label: score / times for label, score in sums.items()}
            for task, sums in whole.classes.items()
        }
    return found


def _moved(one: FoundRelation, by: int) -> FoundRelation:
    return FoundRelation(
        one.name, (one.head[0] + by, one.head[1] + by), (one.tail[0] + by, one.tail[1] + by)
    )


def _placed(one: FoundStructure, by: int) -> FoundStructure:
    return FoundStructure(
        one.name,
        tuple(
            (name, tuple(v if isinstance(v, str) else (v[0] + by, v[1] + by) for v in values))
            for name, values in one.fields
        ),
    )
