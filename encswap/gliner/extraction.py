"""gliner2's own decoding of classifications, relations and structures, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encswap.errors import InputError
from encswap.gliner.model import architecture_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Span = tuple[int, int]


@dataclass(frozen=True)
class FoundRelation:
    """A relation between two spans of a text."""

    name: str
    head: Span
    tail: Span


@dataclass(frozen=True)
class FoundStructure:
    """A record: the spans of each field, or the choices of one that has any."""

    name: str
    fields: tuple[tuple[str, tuple[Span | str, ...]], ...]


@dataclass(frozen=True)
class TaskAnswers:
    """What gliner2 finds in one text; `classes` holds the probability of every label of a task."""

    classes: Mapping[str, Mapping[str, float]]
    relations: tuple[FoundRelation, ...] = ()
    structures: tuple[FoundStructure, ...] = ()


@dataclass(frozen=True)
class TaskQuery:
    """What is asked of a text besides entities, in one prompt.

    `classes` maps a task to its labels, `multi` are those of several, `options` holds prompt,
    examples and label descriptions; `details` are gliner2's keys of descriptions and records.
    """

    classes: Mapping[str, Sequence[str]]
    multi: frozenset[str]
    options: Mapping[str, Mapping[str, Any]]
    relations: Sequence[str]
    structures: Mapping[str, Sequence[str]]
    choices: Mapping[str, Sequence[str]]
    details: Mapping[str, Mapping[str, Any]]


OPTIONS = ("prompt", "examples", "label_descriptions")


def schema_to_ask(model: PreTrainedModel, question: TaskQuery) -> Any:
    """Build gliner2's schema; of a classification every label's probability comes back."""
    schema = model.create_schema()
    for task, labels in question.classes.items():
        said = question.options.get(task, {})
        schema.classification(
            task,
            list(labels),
            # With the least threshold of 0 all are returned, also of a task of one label each.
            multi_label=True,
            cls_threshold=0.0,
            class_act="sigmoid" if task in question.multi else "softmax",
            **{key: said[key] for key in OPTIONS if said.get(key)},
        )
    if question.relations:
        told = question.details.get("relation_descriptions", {})
        schema.relations({name: told.get(name) or {} for name in question.relations})
    for name, fields in question.structures.items():
        told = question.details.get("json_descriptions", {}).get(name, {})
        record = question.details.get("record_metadata", {}).get(name, {})
        builder = schema.structure(
            name, **{key: record[key] for key in ("mode", "anchor") if record.get(key)}
        )
        for one in fields:
            choices = question.choices.get(f"{name}.{one}")
            builder.field(
                one,
                dtype="str" if choices else "list",
                choices=list(choices) if choices else None,
                description=told.get(one),
            )
    schema.build()
    return schema


def asking_length(model: PreTrainedModel, schema: Any) -> int:
    """Count the subtokens of a prompt, and of the full stop that gliner2 may append."""
    return len(model.processor.transform_record(".", schema.build()).input_ids)


def extract(
    model: PreTrainedModel, texts: Sequence[str], schema: Any, threshold: float
) -> Iterator[TaskAnswers]:
    """Extract with gliner2's own `batch_extract`; spans are characters of each text."""
    was_training, policy = model.training, model.__dict__.get("_inference_collator")
    found = model.batch_extract(
        list(texts),
        schema,
        batch_size=16,
        threshold=threshold,
        include_confidence=True,
        include_spans=True,
    )
    model.train(was_training)
    if policy is None:
        model.__dict__.pop("_inference_collator", None)
    tasks = [one["task"] for one in schema.schema["classifications"]]
    records = list(schema._field_orders)
    for text, result in zip(texts, found, strict=True):
        yield TaskAnswers(
            {task: _classes(result.get(task)) for task in tasks},
            tuple(_relations(result.get("relation_extraction") or {}, len(text))),
            tuple(
                one
                for name in records
                for one in _structures(name, result.get(name), len(text))
                if name not in tasks
            ),
        )


def _classes(found: Any) -> dict[str, float]:
    listed = found if isinstance(found, list) else [found] if found else []
    return {one["label"]: float(one["confidence"]) for one in listed}


def _relations(found: Mapping[str, Any], length: int) -> Iterator[FoundRelation]:
    for name, pairs in found.items():
        for pair in pairs:
            head, tail = _span(pair["head"], length), _span(pair["tail"], length)
            if head is not None and tail is not None:
                # gliner2 puts a relation's description behind its name.
                yield FoundRelation(name, head, tail)


def _structures(name: str, found: Any, length: int) -> Iterator[FoundStructure]:
    for record in found or ():
        fields = []
        for field, values in record.items():
            listed = values if isinstance(values, list) else [values]
            kept = [one for value in listed if (one := _value(value, length)) is not None]
            fields.append((field, tuple(kept)))
        yield FoundStructure(name, tuple(fields))


def _value(raw: Any, length: int) -> Span | str | None:
    if isinstance(raw, Mapping):
        return _span(raw, length) if "start" in raw else str(raw["text"])
    return raw if isinstance(raw, str) else None


def _span(raw: Mapping[str, Any], length: int) -> Span | None:
    """The characters of a span; none for the full stop that gliner2 appends to a text."""
    start, end = int(raw["start"]), int(raw["end"])
    return (start, end) if start < end <= length else None


def refuse_missing_heads(
    model: PreTrainedModel, kinds: Sequence[str], where: str | Callable[[str], str]
) -> None:
    """Refuse tasks that the model has no head for; raises `InputError` that names task and head.

    `where` is the place of the documents, or tells that of a task.
    """
    for kind in kinds:
        if head := missing_head(model, kind):
            raise InputError(
                f"the base has no head for {kind}: its {architecture_of(model)} heads are "
                f"{', '.join(model.task_module_names())}",
                where=where(kind) if callable(where) else where,
                hint=f"take a base with {head}, or leave {kind} out of the documents",
            )


def missing_head(model: PreTrainedModel, kind: str) -> str | None:
    """The head that a task needs and the model lacks; None where it has what it needs."""
    heads = {"classifications": "classifier"}
    if architecture_of(model) == "boundary":
        heads |= {"relations": "relation_scorer", "json_structures": "record_decoder"}
    head = heads.get(kind)
    return head if head not in model.task_module_names() else None
