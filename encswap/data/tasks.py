"""gliner2's tasks beside entities: classifications, relations and structures, read and checked.

An example keeps its tasks as they are written, so that they convert without loss. Here they become
typed values whose strings are located in the text, as an entity's are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from encswap.data.gold import trimmed_span
from encswap.data.locate import canonical, locate, same_text
from encswap.data.notes import Notes
from encswap.errors import InputError
from encswap.types import Example, Mention, Unlocated

Kind = Literal["classifications", "relations", "json_structures"]
KINDS: tuple[Kind, ...] = ("classifications", "relations", "json_structures")
HEAD, TAIL = "head", "tail"
UNFOUND, NO_ENTITY = "unlocated-values", "arguments-no-entity"
Span = tuple[int, int]


@dataclass(frozen=True)
class Value:
    """A string of a task's gold and its occurrences in the text; none where it is not in it."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Classification:
    """A document's classes in one task: `gold` of `labels`, in NFC as they are written."""

    task: str
    labels: tuple[str, ...]
    gold: tuple[str, ...]
    multi: bool
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Relation:
    """One relation of a document: its arguments by role, `head` and `tail` in gliner2's decoder."""

    name: str
    arguments: Mapping[str, Value]


@dataclass(frozen=True)
class Structure:
    """One record of a structure: the values of each field, and the choices of those that have any.

    A field with choices is a class of the record, not a span: its values have no place.
    """

    name: str
    fields: Mapping[str, tuple[Value, ...]]
    choices: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Tasks:
    """The typed gold of one example; `annotated` are the kinds that its record names at all."""

    classifications: tuple[Classification, ...] = ()
    relations: tuple[Relation, ...] = ()
    structures: tuple[Structure, ...] = ()
    annotated: frozenset[str] = frozenset()

    @property
    def values(self) -> Iterator[tuple[str, Value]]:
        """Every value that should stand in the text, under `relation.role` or `structure.field`."""
        for relation in self.relations:
            for role, value in relation.arguments.items():
                yield f"{relation.name}.{role}", value
        for structure in self.structures:
            for name, values in structure.fields.items():
                if name not in structure.choices:
                    yield from ((f"{structure.name}.{name}", value) for value in values)


def tasks_of(example: Example, where: str = "") -> Tasks:
    """Read the tasks of an example; raises `InputError` where one is not as gliner2 writes it."""
    if not example.tasks:
        return Tasks()
    reader = _Reader(example.text, where or f"{example.id}:{example.line or ''}".rstrip(":"))
    raw = example.tasks
    return Tasks(
        tuple(reader.classification(one) for one in reader.objects(raw, "classifications")),
        tuple(
            reader.relation(name, fields)
            for one in reader.objects(raw, "relations")
            for name, fields in one.items()
        ),
        tuple(
            reader.structure(name, fields)
            for one in reader.objects(raw, "json_structures")
            for name, fields in one.items()
        ),
        frozenset(kind for kind in KINDS if kind in raw),
    )


@dataclass(frozen=True)
class _Reader:
    text: str
    where: str

    def error(self, message: str, hint: str = "") -> InputError:
        return InputError(message, where=self.where, hint=hint)

    def objects(self, raw: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
        listed = raw.get(key) or []
        for one in [listed] if isinstance(listed, Mapping) else listed:
            if not isinstance(one, Mapping) or not one:
                raise self.error(f"an element of {key!r} should be an object", _FORMS[key])
            yield one

    def classification(self, raw: Mapping[str, Any]) -> Classification:
        task = self.name(raw.get("task"), "classifications")
        labels = self.strings(raw.get("labels"), f"the labels of {task!r}")
        if "true_label" not in raw:
            raise self.error(
                f"classification {task!r} lacks 'true_label'", _FORMS["classifications"]
            )
        gold = self.strings(raw["true_label"], f"the true label of {task!r}", empty=True)
        if not labels:
            raise self.error(f"classification {task!r} has no labels", _FORMS["classifications"])
        if len(set(labels)) < len(labels):
            twice = next(one for one in labels if labels.count(one) > 1)
            raise self.error(f"classification {task!r} lists the label {twice!r} twice")
        for one in gold:
            if one not in labels:
                raise self.error(
                    f"classification {task!r} has the true label {one!r}, which is outside its "
                    f"labels {', '.join(map(repr, labels[:8]))}",
                    "write the label as the list does, or add it to the list",
                )
        # gliner2 too takes a task of several true labels as multi-label.
        multi = bool(raw.get("multi_label", False)) or len(gold) > 1
        if not multi and not gold:
            raise self.error(
                f"classification {task!r} has no true label and is not multi-label",
                'write "multi_label": true beside it, or one true label',
            )
        kept = {k: v for k, v in raw.items() if k not in ("task", "labels", "true_label")}
        return Classification(task, labels, gold, multi, kept)

    def relation(self, name: object, fields: object) -> Relation:
        relation = self.name(name, "relations")
        if not isinstance(fields, Mapping) or not fields:
            raise self.error(f"relation {relation!r} has no arguments", _FORMS["relations"])
        found = {}
        for role, value in fields.items():
            values = list(self.values(value, f"argument {relation}.{role}"))
            if len(values) != 1:
                raise self.error(
                    f"argument {relation}.{role} should be one string, not {len(values)}",
                    _FORMS["relations"],
                )
            found[str(role)] = values[0]
        return Relation(relation, found)

    def structure(self, name: object, fields: object) -> Structure:
        structure = self.name(name, "json_structures")
        if not isinstance(fields, Mapping) or not fields:
            raise self.error(f"structure {structure!r} has no fields", _FORMS["json_structures"])
        found: dict[str, tuple[Value, ...]] = {}
        choices: dict[str, tuple[str, ...]] = {}
        for key, value in fields.items():
            what = f"field {structure}.{key}"
            if isinstance(value, Mapping) and "choices" in value:
                choices[key] = self.strings(value["choices"], f"the choices of {what}")
                chosen = self.strings(value.get("value"), f"the value of {what}", empty=True)
                for one in chosen:
                    if one not in choices[key]:
                        raise self.error(f"{what} has the value {one!r}, outside its choices")
                found[key] = tuple(Value(one, ()) for one in chosen)
            else:
                found[key] = tuple(self.values(value, what))
        return Structure(structure, found, choices)

    def name(self, value: object, kind: Kind) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"an element of {kind!r} lacks its name", _FORMS[kind])
        return value

    def strings(self, value: object, what: str, *, empty: bool = False) -> tuple[str, ...]:
        listed = [value] if isinstance(value, str) else value
        if listed is None and empty:
            return ()
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise self.error(f"{what} should be a string or a list of strings")
        return tuple(listed)

    def values(self, value: object, what: str) -> Iterator[Value]:
        """Locate the strings of an argument or a field; null and "" are none."""
        for one in value if isinstance(value, list) else [value]:
            if one is None or one == "":
                continue
            if isinstance(one, Mapping):
                yield self.placed(one, what)
            elif isinstance(one, str):
                found = locate(self.text, {"": [one]})
                yield Value(one, tuple((m.start, m.end) for m in found.mentions))
            else:
                raise self.error(f"{what} should be a string, or a span with its text")

    def placed(self, raw: Mapping[str, Any], what: str) -> Value:
        text, start, end = (raw.get(key) for key in ("text", "start", "end"))
        if not isinstance(text, str):
            raise self.error(f"{what} has a span without its 'text'")
        if start is None and end is None:
            return next(self.values(text, what))
        numbers = [
            one for one in (start, end) if isinstance(one, int) and not isinstance(one, bool)
        ]
        if len(numbers) < 2 or not 0 <= numbers[0] < numbers[1] <= len(self.text):
            raise self.error(f"{what} has a span that is not inside the text")
        first, last = numbers
        covered = self.text[first:last]
        if not same_text(covered.strip(), text.strip()):
            raise self.error(f"{what} covers {covered[:40]!r}, not {text[:40]!r}")
        trimmed = trimmed_span(self.text, first, last)
        return Value(covered, (trimmed,))


_FORMS: Mapping[str, str] = {
    "classifications": 'write {"task": …, "labels": […], "true_label": […]}',
    "relations": 'write {"name": {"head": …, "tail": …}}',
    "json_structures": 'write {"name": {"field": …}}',
}


def check_tasks(example: Example, where: str, notes: Notes) -> None:
    """Refuse tasks that are not as gliner2 writes them, and count gold that cannot be found.

    A value that is not in the text is kept, and scored as a miss, as an entity's string is.
    """
    tasks = tasks_of(example, where)
    for name, value in tasks.values:
        if not value.spans:
            notes.add(
                UNFOUND,
                f"values of {name} are not in their text: they are scored as missed",
                where,
            )
    _note_no_entity(example, tasks, where, notes)
    fields: dict[str, frozenset[str]] = {}
    for one in tasks.relations:
        roles = frozenset(one.arguments)
        if fields.setdefault(one.name, roles) != roles:
            raise InputError(
                f"relation {one.name!r} has the arguments {', '.join(sorted(roles))} here and "
                f"{', '.join(sorted(fields[one.name]))} before",
                where=where,
                hint="gliner2 reads the arguments of a relation from its first one",
            )


def _note_no_entity(example: Example, tasks: Tasks, where: str, notes: Notes) -> None:
    """Count arguments that no entity of a record that marks entities has."""
    known = {canonical(one.text.strip()).text for one in example.gold}
    if not known:
        return
    for one in tasks.relations:
        for role, value in one.arguments.items():
            if canonical(value.text.strip()).text not in known:
                notes.add(
                    NO_ENTITY,
                    f"arguments of {one.name}.{role} are no entity of their record",
                    where,
                )


@dataclass(frozen=True)
class Schema:
    """What a set of documents asks of each task, in the order of first appearance.

    `classifications` maps a task to its labels, `structures` a structure to its fields, and
    `choices` `structure.field` to its choices. `options` keeps what is said of a classification
    (prompt, examples, descriptions), and `details` gliner2's keys of descriptions and records.
    """

    classifications: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    multi: frozenset[str] = frozenset()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    relations: tuple[str, ...] = ()
    unscored: tuple[str, ...] = ()
    structures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.classifications or self.relations or self.structures or self.unscored)

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """The names of each task, by gliner2's key; a class as `task: label`."""
        return {
            "classifications": tuple(
                f"{task}: {label}" for task, labels in self.classifications.items()
                for label in labels
            ),
            "relations": (*self.relations, *self.unscored),
            "json_structures": tuple(
                f"{name}.{one}" for name, fields in self.structures.items() for one in fields
            ),
        }  # fmt: skip


DETAILS = ("json_descriptions", "record_metadata", "relation_descriptions")


def schema_of(examples: Iterable[Example]) -> Schema:
    """Collect what documents ask of each task; a class that one document lists is asked of all."""
    classes: dict[str, dict[str, None]] = {}
    structures: dict[str, dict[str, None]] = {}
    choices: dict[str, dict[str, None]] = {}
    roles: dict[str, set[str]] = {}
    options: dict[str, Mapping[str, Any]] = {}
    multi: set[str] = set()
    details: dict[str, dict[str, Any]] = {}
    for example in examples:
        if not example.tasks:
            continue
        found = tasks_of(example)
        for one in found.classifications:
            classes.setdefault(one.task, {}).update(dict.fromkeys(one.labels))
            options.setdefault(one.task, one.options)
            if one.multi:
                multi.add(one.task)
        for relation in found.relations:
            roles.setdefault(relation.name, set()).update(relation.arguments)
        for structure in found.structures:
            structures.setdefault(structure.name, {}).update(dict.fromkeys(structure.fields))
            for key, listed in structure.choices.items():
                name = f"{structure.name}.{key}"
                choices.setdefault(name, {}).update(dict.fromkeys(listed))
        for key in DETAILS:
            for name, said in (example.tasks.get(key) or {}).items():
                details.setdefault(key, {}).setdefault(name, said)
    scored = [name for name, one in roles.items() if one == {HEAD, TAIL}]
    return Schema(
        {task: tuple(labels) for task, labels in classes.items()},
        frozenset(multi),
        options,
        tuple(scored),
        tuple(name for name in roles if name not in scored),
        {name: tuple(fields) for name, fields in structures.items()},
        {name: tuple(listed) for name, listed in choices.items()},
        details,
    )


Place = Callable[[str, Kind, str], str]
"""Where a part first has a name of a task: part, task, name; empty where that is not known."""


def compare_tasks(parts: Mapping[str, Schema], place: Place | None = None) -> Iterator[str]:
    """Say in a line each which tasks, classes and fields only some of the parts have, and where."""
    for kind in KINDS:
        names = {part: schema.names[kind] for part, schema in parts.items()}
        if not any(names.values()):
            continue
        for part, own in names.items():
            others = {one for other, held in names.items() if other != part for one in held}
            only = [one for one in own if one not in others]
            if only and len(names) > 1:
                where = place(part, kind, only[0]) if place is not None else ""
                first = f" (first in {where})" if where else ""
                yield f"{kind} that only {part} has: {', '.join(only[:8])}{_more(only, 8)}{first}"


def first_with(examples: Sequence[Example], kind: Kind, name: str) -> Example | None:
    """The first example that has a name of a task, as `Schema.names` writes it."""
    return next((one for one in examples if name in schema_of([one]).names[kind]), None)


def _more(listed: Sequence[str], shown: int) -> str:
    return f" and {len(listed) - shown} more" if len(listed) > shown else ""


@dataclass
class TaskCount:
    """The tasks of a file while they are counted."""

    documents: Counter[str] = field(default_factory=Counter)
    classes: dict[str, Counter[str]] = field(default_factory=dict)
    relations: Counter[str] = field(default_factory=Counter)
    structures: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    unlocated: Counter[str] = field(default_factory=Counter)

    def add(self, example: Example) -> None:
        """Count one example."""
        tasks = tasks_of(example)
        self.documents.update(tasks.annotated)
        for one in tasks.classifications:
            counted = self.classes.setdefault(one.task, Counter(dict.fromkeys(one.labels, 0)))
            counted.update({**dict.fromkeys(one.labels, 0), **dict.fromkeys(one.gold, 1)})
        self.relations.update(one.name for one in tasks.relations)
        self.structures.update(one.name for one in tasks.structures)
        for name, value in tasks.values:
            self.fields[name] += 1
            self.unlocated[name] += not value.spans

    def as_json(self) -> dict[str, Any]:
        """Return what was counted; empty where the file holds entities alone."""
        if not self.documents:
            return {}
        return {
            "documents": dict(self.documents),
            "classifications": {task: dict(one) for task, one in self.classes.items()},
            "relations": dict(self.relations),
            "structures": dict(self.structures),
            "values": {
                name: {"values": count, "unlocated": self.unlocated[name]}
                for name, count in self.fields.items()
            },
        }


def with_values(example: Example, *, alone: bool = False) -> Example:
    """Return an example whose mentions include the spans of relations and structures.

    They are coverage as well: what the units cannot express of them is never found. `alone` leaves
    its entities out.
    """
    if not example.tasks:
        return replace(example, mentions=(), unlocated=()) if alone else example
    spans: set[Mention] = set()
    missing: list[Unlocated] = []
    for name, value in tasks_of(example).values:
        if not value.spans:
            missing.append(Unlocated(name, value.text))
        for start, end in value.spans:
            spans.add(Mention(start, end, name, example.text[start:end]))
    return replace(
        example,
        mentions=tuple(sorted(spans if alone else {*spans, *example.mentions})),
        unlocated=(*(() if alone else example.unlocated), *missing),
    )


def tasks_inside(example: Example, start: int, end: int) -> Mapping[str, Any]:
    """Return the tasks that belong to the window [start, end) of an example's text, as written.

    Spans follow their window: a relation is where both its arguments are, a structure keeps the
    fields that are there. A classification is the document's, and so every window's.
    """
    if not example.tasks:
        return {}
    found = dict(example.tasks)
    if "relations" in found:
        found["relations"] = [
            {name: placed}
            for one in _listed(found["relations"])
            for name, fields in one.items()
            if len(placed := _fields_inside(example, fields, start, end)) == len(fields)
        ]
    if "json_structures" in found:
        found["json_structures"] = [
            {name: placed}
            for one in _listed(found["json_structures"])
            for name, fields in one.items()
            if any(placed := _fields_inside(example, fields, start, end))
        ]
    return found


def _listed(raw: Any) -> Sequence[Mapping[str, Any]]:
    return [raw] if isinstance(raw, Mapping) else raw or []


def _fields_inside(
    example: Example, fields: Mapping[str, Any], start: int, end: int
) -> dict[str, Any]:
    reader = _Reader(example.text, example.id)
    kept: dict[str, Any] = {}
    for name, raw in fields.items():
        if isinstance(raw, Mapping) and "choices" in raw:
            kept[name] = raw
            continue
        values = [
            _moved(one, start)
            for one in (raw if isinstance(raw, list) else [raw])
            for value in reader.values(one, name)
            if any(start <= first and last <= end for first, last in value.spans)
        ]
        if values:
            kept[name] = values if isinstance(raw, list) else values[0]
    return kept


def _moved(raw: Any, offset: int) -> Any:
    """Shift a span; a string is found again where the window's text has it."""
    if not isinstance(raw, Mapping) or raw.get("start") is None:
        return raw
    return {**raw, "start": raw["start"] - offset, "end": raw["end"] - offset}


Fits = Callable[[Mention], bool]
"""Whether the units of a text can express a span of it."""


def training_tasks(example: Example, fits: Fits) -> dict[str, Any]:
    """Return an example's tasks as gliner2 collates them, gold by the offsets that `fits` takes.

    A relation without one of its arguments is left out, as an entity is that the units cannot
    express; a field without a value is trained as empty.
    """
    tasks = tasks_of(example)
    found = {key: example.tasks[key] for key in DETAILS if example.tasks.get(key)}
    if tasks.classifications:
        found["classifications"] = [
            {**one.options, "task": one.task, "labels": [*one.labels], "true_label": [*one.gold]}
            for one in _by_prefix(tasks.classifications)
        ]
    relations = []
    for relation in tasks.relations:
        surfaces = [_surfaces(example.text, one, fits) for one in relation.arguments.values()]
        if all(surfaces):
            placed = [one if len(one) > 1 else one[0] for one in surfaces]
            relations.append({relation.name: dict(zip(relation.arguments, placed, strict=True))})
    if relations:
        found["relations"] = relations
    if tasks.structures:
        named: dict[str, dict[str, None]] = {}
        for structure in tasks.structures:
            named.setdefault(structure.name, {}).update(dict.fromkeys(structure.fields))
        found["json_structures"] = [
            {one.name: _record(example.text, one, named[one.name], fits)}
            for one in tasks.structures
        ]
    return found


def _by_prefix(found: Sequence[Classification]) -> list[Classification]:
    """Put a task before one whose name its own begins with.

    gliner2 2.1 looks for a task's gold by `prompt.startswith(task)` and takes the first: the
    classes of "type of drug" would be trained as those of "type".
    """
    clash = any(
        one is not other and one.task.startswith(other.task) for one in found for other in found
    )
    return sorted(found, key=lambda one: -len(one.task)) if clash else list(found)


def _surfaces(text: str, value: Value, fits: Fits) -> list[dict[str, Any]]:
    return [
        {"text": text[start:end], "start": start, "end": end}
        for start, end in value.spans
        if fits(Mention(start, end, "", text[start:end]))
    ]


def _record(text: str, one: Structure, fields: Iterable[str], fits: Fits) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name in fields:
        values = one.fields.get(name, ())
        if name in one.choices:
            chosen = [value.text for value in values]
            value: Any = chosen[0] if len(chosen) == 1 else chosen
            record[name] = {"value": value, "choices": [*one.choices[name]]}
            continue
        surfaces = [each for value in values for each in _surfaces(text, value, fits)]
        # "", not None: gliner2 2.1 searches the text for the word "None" where a field has none.
        record[name] = surfaces if len(surfaces) > 1 else surfaces[0] if surfaces else ""
    return record


def prompt_of(tasks: Mapping[str, Any]) -> dict[str, Any]:
    """Return tasks as gliner2 takes them without their gold, which stands in another text."""
    found = {key: value for key, value in tasks.items() if key in (*KINDS, *DETAILS)}
    for key in ("relations", "json_structures"):
        if found.get(key):
            found[key] = [
                {name: {one: _emptied(raw) for one, raw in fields.items()}}
                for item in found[key]
                for name, fields in item.items()
            ]
    return found


def _emptied(raw: Any) -> Any:
    choices = isinstance(raw, Mapping) and "choices" in raw
    return {"value": "", "choices": [*raw["choices"]]} if choices else ""


def renamed(tasks: Mapping[str, Any]) -> dict[str, Any]:
    """Return a prompt as long as gliner2 makes it in training, where it renames classes and fields.

    A renamed one is described by its own name, so that its prompt is longer than as it is written.
    """
    found = dict(tasks)
    if found.get("classifications"):
        found["classifications"] = [_renamed(one) for one in found["classifications"]]
    structures: dict[str, dict[str, Any]] = {}
    for item in found.get("json_structures") or ():
        for name, fields in item.items():
            structures.setdefault(name, {}).update(fields)
    if structures:
        said = found.get("json_descriptions") or {}
        names = {name: list(enumerate(fields, 1)) for name, fields in structures.items()}
        found["json_structures"] = [
            {name: {f"field {n}": structures[name][one] for n, one in listed}}
            for name, listed in names.items()
        ]
        found["json_descriptions"] = {
            name: {f"field {n}": said.get(name, {}).get(one, one) for n, one in listed}
            for name, listed in names.items()
        }
    return found


def _renamed(raw: Mapping[str, Any]) -> dict[str, Any]:
    names = {label: f"label {place}" for place, label in enumerate(raw["labels"], 1)}
    said = raw.get("label_descriptions") or {}
    return {
        **raw,
        "labels": [*names.values()],
        "label_descriptions": {name: said.get(one, one) for one, name in names.items()},
        "examples": [[text, names.get(out, out)] for text, out in raw.get("examples") or ()],
    }
