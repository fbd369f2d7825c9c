"""Scores of classifications, relations and structures, with bootstrap intervals over documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from encswap.data.tasks import HEAD, TAIL, Classification, Schema, Structure, Tasks, Value, tasks_of
from encswap.evaluate.intervals import bootstrap_f1, bootstrap_macro, bootstrap_mean
from encswap.evaluate.metrics import Counts
from encswap.evaluate.task_answers import Answers
from encswap.gliner.extraction import FoundStructure, Span
from encswap.types import Example

Scores = dict[str, Any]
CHOSEN = 0.5
"""gliner2's default `cls_threshold` of a task of several labels."""


def score_tasks(
    examples: Sequence[Example], answers: Sequence[Answers], schema: Schema, seed: int
) -> Scores:
    """Score each task in the documents whose records name it; empty where there are none."""
    gold = [tasks_of(example) for example in examples]
    found: Scores = {}
    if schema.classifications:
        found["classifications"] = {
            task: _classification(task, gold, answers, schema, seed)
            for task in schema.classifications
        }
    if schema.relations:
        found["relations"] = _relations(gold, answers, schema.relations, seed)
    if schema.structures:
        found["structures"] = _structures(gold, answers, schema, seed)
    return found


def decide(scores: Mapping[str, float], *, multi: bool) -> frozenset[str]:
    """Choose labels as gliner2 does: the best, or where several may be, all that reach 0.5."""
    if not scores:
        return frozenset()
    best = max(scores, key=lambda label: scores[label])
    if not multi:
        return frozenset({best})
    return frozenset(label for label, one in scores.items() if one >= CHOSEN) or frozenset({best})


def _classification(
    task: str, gold: Sequence[Tasks], answers: Sequence[Answers], schema: Schema, seed: int
) -> Scores:
    multi, labels = task in schema.multi, schema.classifications[task]
    pairs = [
        (one, decide(answer.classes.get(task, {}), multi=multi))
        for tasks, answer in zip(gold, answers, strict=True)
        for one in tasks.classifications
        if one.task == task
    ]
    right = [float(set(one.gold) == chosen) for one, chosen in pairs]
    counts = [_class_counts(one, chosen, labels) for one, chosen in pairs]
    per_label = {
        label: sum((row[place] for row in counts), Counts()) for place, label in enumerate(labels)
    }
    held = [one.f1 for one in per_label.values() if one.gold or one.predicted]
    return {
        "accuracy": sum(right) / len(right) if right else 0.0,
        "accuracy_interval": list(bootstrap_mean(right, seed=seed)),
        "macro_f1": sum(held) / len(held) if held else 0.0,
        "interval": list(bootstrap_macro(counts, seed=seed)),
        "support": len(pairs),
        "per_label": {label: one.as_dict() for label, one in per_label.items()},
    }


def _class_counts(
    gold: Classification, chosen: frozenset[str], labels: Sequence[str]
) -> tuple[Counts, ...]:
    return tuple(
        Counts(
            int(label in gold.gold and label in chosen),
            int(label in chosen),
            int(label in gold.gold),
        )
        for label in labels
    )


def _relations(
    gold: Sequence[Tasks], answers: Sequence[Answers], names: Sequence[str], seed: int
) -> Scores:
    documents = [
        {name: _relation_counts(tasks, answer, name) for name in names}
        for tasks, answer in zip(gold, answers, strict=True)
        if "relations" in tasks.annotated
    ]
    return {
        "micro": _summed([sum(one.values(), Counts()) for one in documents], seed),
        "per_relation": {name: _summed([one[name] for one in documents], seed) for name in names},
    }


def _relation_counts(tasks: Tasks, answer: Answers, name: str) -> Counts:
    """Count strict matches: the relation's name and both its spans; each gold is found once."""
    waiting = [one for one in tasks.relations if one.name == name]
    total, correct = len(waiting), 0
    found = [one for one in answer.relations if one.name == name]
    for one in found:
        for place, gold in enumerate(waiting):
            if one.head in gold.arguments[HEAD].spans and one.tail in gold.arguments[TAIL].spans:
                del waiting[place]
                correct += 1
                break
    return Counts(correct, len(found), total)


def _summed(documents: Sequence[Counts], seed: int) -> Scores:
    return {
        **sum(documents, Counts()).as_dict(),
        "interval": list(bootstrap_f1(documents, seed=seed)),
    }


def _structures(
    gold: Sequence[Tasks], answers: Sequence[Answers], schema: Schema, seed: int
) -> Scores:
    """Score field values of records; a gold record is compared with the found one most like it."""
    fields = [(name, one) for name, listed in schema.structures.items() for one in listed]
    exact: list[dict[tuple[str, str], Counts]] = []
    partial: list[dict[tuple[str, str], Counts]] = []
    for tasks, answer in zip(gold, answers, strict=True):
        if "json_structures" not in tasks.annotated:
            continue
        strict, loose = (dict.fromkeys(fields, Counts()) for _ in range(2))
        for one, other in _paired(tasks.structures, answer.structures):
            for key in fields:
                values = one.fields.get(key[1], ()) if one and one.name == key[0] else ()
                said = dict(other.fields).get(key[1], ()) if other and other.name == key[0] else ()
                strict[key] += _values(values, said, overlap=False)
                loose[key] += _values(values, said, overlap=True)
        exact.append(strict)
        partial.append(loose)
    return {
        "exact": _summed([sum(one.values(), Counts()) for one in exact], seed),
        "partial": _summed([sum(one.values(), Counts()) for one in partial], seed),
        "per_field": {
            f"{name}.{one}": {
                "exact": _summed([each[name, one] for each in exact], seed),
                "partial": _summed([each[name, one] for each in partial], seed),
            }
            for name, one in fields
        },
    }


def _paired(
    gold: Sequence[Structure], found: Sequence[FoundStructure]
) -> Iterator[tuple[Structure | None, FoundStructure | None]]:
    """Pair records of a name, those that share most field values first; the rest stand alone."""
    scored = [
        (_alike(one, other), -place, -number)
        for place, one in enumerate(gold)
        for number, other in enumerate(found)
        if one.name == other.name
    ]
    left, right = set(range(len(gold))), set(range(len(found)))
    for _, place, number in sorted(scored, reverse=True):
        if -place in left and -number in right:
            left.discard(-place)
            right.discard(-number)
            yield gold[-place], found[-number]
    yield from ((gold[place], None) for place in sorted(left))
    yield from ((None, found[place]) for place in sorted(right))


def _alike(one: Structure, other: FoundStructure) -> tuple[int, int]:
    said = dict(other.fields)
    counts = [
        (_values(values, said.get(name, ()), overlap=False).correct,
         _values(values, said.get(name, ()), overlap=True).correct)
        for name, values in one.fields.items()
    ]  # fmt: skip
    return sum(exact for exact, _ in counts), sum(loose for _, loose in counts)


def _values(gold: Sequence[Value], found: Sequence[Span | str], *, overlap: bool) -> Counts:
    """Count values of a field: the same string of choices, the same span, or one that overlaps."""
    waiting, correct = list(gold), 0
    for one in dict.fromkeys(found):
        for place, value in enumerate(waiting):
            if _matches(value, one, overlap=overlap):
                del waiting[place]
                correct += 1
                break
    return Counts(correct, len(set(found)), len(gold))


def _matches(value: Value, found: Span | str, *, overlap: bool) -> bool:
    if isinstance(found, str):
        return found == value.text
    if overlap:
        return any(start < found[1] and found[0] < end for start, end in value.spans)
    return found in value.spans


def headline(scores: Mapping[str, Any], task: str) -> float | None:
    """The one number of a task: mean macro F1 of classifications, micro F1, exact F1."""
    if task not in scores:
        return None
    found = scores[task]
    if task == "classifications":
        return float(sum(one["macro_f1"] for one in found.values()) / len(found))
    return float(found["micro" if task == "relations" else "exact"]["f1"])
