"""The labels that a model is asked for: each once, in NFC, without white space around it.

gliner2 keeps labels as the keys of a dictionary, so one that is given twice has one place in the
prompt. Whoever then counts places by the list as it was given reads every later label's scores
under its neighbour's name. So labels are made distinct at the door, before anything counts them.
"""

from __future__ import annotations

import functools
import inspect
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from encswap.errors import InputError
from encswap.gliner.markers import refuse_markers
from encswap.types import Mention

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def schema_for(
    labels: Sequence[str],
    gold: Sequence[Mention] = (),
    descriptions: Mapping[str, str] | None = None,
    sample: str = "",
    tasks: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build gliner2's schema for one text; gold goes by offsets, so the units in context decide.

    `tasks` are its other tasks under gliner2's keys; with them, no labels means no entities.
    Raises `InputError` where a label or a description holds one of gliner2's schema tokens.
    """
    refuse_markers(labels, descriptions)
    entities: dict[str, Any] = {label: [] for label in labels}
    for mention in gold:
        entities[mention.label].append(
            {"text": mention.text, "start": mention.start, "end": mention.end}
        )
    schema: dict[str, Any] = {"entities": entities, "sample": sample}
    if tasks:
        schema |= tasks
        if not entities:
            del schema["entities"]
    asked = {label: text for label, text in (descriptions or {}).items() if label in entities}
    if asked:
        schema["entity_descriptions"] = asked
    return schema


_INVISIBLE = ("Cf", "Cc", "Zs", "Zl", "Zp")


def clean_label(label: object, where: str = "") -> str:
    """Return the label in NFC, white space and invisible characters around it left out.

    Raises `InputError` where nothing is left, or where it is no text.
    """
    if not isinstance(label, str):
        raise InputError(f"{label!r} is no label", where=where, hint="a label is a text")
    found = unicodedata.normalize("NFC", label).strip().strip("\ufeff\u200b").strip()
    if all(unicodedata.category(char) in _INVISIBLE for char in found):
        raise InputError(
            f"a label is {'only white space' if label else 'empty'}",
            where=where,
            hint="name what is to be found",
        )
    try:
        found.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"the label {label!r} is no whole Unicode text", where=where, hint="write it in UTF-8"
        ) from error
    return found


def distinct_labels(labels: Iterable[object], where: str = "") -> tuple[str, ...]:
    """Return the labels in their order, each once; `InputError` for an empty one."""
    return tuple(dict.fromkeys(clean_label(label, where) for label in labels))


def guard_labels(model: PreTrainedModel) -> None:
    """Let the model's own methods that take `entity_types` ask for distinct labels."""
    for name in dir(type(model)):
        method = getattr(type(model), name)
        if callable(method) and "extract" in name and not name.startswith("_"):
            signature = inspect.signature(method)
            if "entity_types" in signature.parameters:
                setattr(model, name, _with_distinct(getattr(model, name)))


def _with_distinct(method: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @functools.wraps(method)
    def call(*arguments: Any, **options: Any) -> Any:
        bound = signature.bind(*arguments, **options)
        bound.arguments["entity_types"] = _distinct_types(bound.arguments["entity_types"])
        return method(*bound.args, **bound.kwargs)

    return call


def _distinct_types(types: object) -> object:
    """Clean what gliner2 takes: one label, several, or labels with what is said of each."""
    if isinstance(types, Mapping):
        found: dict[str, Any] = {}
        for label, value in types.items():
            found.setdefault(clean_label(label, "entity_types"), value)
        return found
    if isinstance(types, Iterable) and not isinstance(types, str):
        return list(distinct_labels(types, "entity_types"))
    return clean_label(types, "entity_types")


def with_own_thresholds(types: object, own: Mapping[str, float]) -> dict[str, Any]:
    """What gliner2 takes as `entity_types`, with the thresholds of labels that have their own."""
    if isinstance(types, Mapping):
        said = dict(types)
    else:
        labels = [types] if isinstance(types, str) else types
        said = {label: {} for label in distinct_labels(cast(Iterable[object], labels))}
    found: dict[str, Any] = {}
    for label, value in said.items():
        one = dict(value) if isinstance(value, Mapping) else {"description": value} if value else {}
        if (mine := own.get(clean_label(label))) is not None:
            one.setdefault("threshold", mine)
        found[label] = one
    return found


@dataclass(frozen=True)
class EntitySchema:
    """What the model is asked to find: labels, with descriptions where there are any."""

    labels: tuple[str, ...]
    descriptions: Mapping[str, str]

    @classmethod
    def of(
        cls, labels: Iterable[str], descriptions: Mapping[str, str] | None = None, where: str = ""
    ) -> EntitySchema:
        """Ask for labels as a person wrote them: each once; `InputError` for an empty one."""
        told = {clean_label(label): text for label, text in (descriptions or {}).items()}
        return cls(distinct_labels(labels, where), told)

    def only(self, labels: tuple[str, ...]) -> EntitySchema:
        """The same for some of the labels."""
        if labels == self.labels:
            return self
        return EntitySchema(
            labels, {key: self.descriptions[key] for key in self.descriptions if key in labels}
        )
