"""Files of JSON records, tables of them and exports of tools, for the fuzzer of all readers."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from typing import Any

from encswap.types import Example

Generator = Callable[[random.Random], str]
Examples = Callable[[random.Random], list[Example]]


def records_of(rng: random.Random, records: list[Any]) -> str:
    """Print records in one of the ways in which they are found in files."""
    odd = rng.random() < 0.5
    indent = rng.choice([None, 1, 2])
    way = rng.randrange(4)
    if way == 0:
        return json.dumps(records, ensure_ascii=odd, indent=indent)
    if way == 1:
        return json.dumps({"version": 1, "data": records}, ensure_ascii=odd, indent=indent)
    if way == 2:
        return "".join(json.dumps(one, ensure_ascii=odd, indent=indent) + "\n" for one in records)
    return "".join(json.dumps(one, ensure_ascii=odd) + "\n" for one in records)


def plan(one: Example, _rng: random.Random) -> Any:
    entities: dict[str, Any] = {"Disease": []}
    for mention in one.mentions:
        span = {"start": mention.start, "end": mention.end, "text": mention.text}
        entities.setdefault(mention.label, []).append(span)
    return {"text": one.text, "entities": entities}


def spans(one: Example, rng: random.Random) -> Any:
    found: list[Any] = [
        {"start": m.start, "end": m.end, "label": m.label, "text": m.text} for m in one.mentions
    ]
    return {"text": one.text, rng.choice(["spans", "mentions"]): found or [None]}


def prodigy(one: Example, rng: random.Random) -> Any:
    found = [{"start": m.start, "end": m.end, "label": m.label} for m in one.mentions]
    answer = rng.choice(["accept", "accept", "reject", "ignore"])
    return {"text": one.text, "spans": found, "_task_hash": rng.randrange(99), "answer": answer}


def spacy_pair(one: Example, _rng: random.Random) -> Any:
    return [
        one.text,
        {"entities": [[m.start, m.end, m.label] for m in one.mentions] + [[0, 1, "X"]]},
    ]


def doccano_relations(one: Example, _rng: random.Random) -> Any:
    found = [
        {"id": n, "label": m.label, "start_offset": m.start, "end_offset": m.end}
        for n, m in enumerate(one.mentions)
    ]
    first = {"id": 99, "label": "X", "start_offset": 0, "end_offset": 1}
    return {"id": 1, "text": one.text, "entities": [first, *found], "relations": []}


def label_studio(one: Example, rng: random.Random) -> Any:
    results = [{"type": "labels", "value": value} for value in _regions(one)]
    annotation = {"result": results, "was_cancelled": rng.random() < 0.2}
    return {"id": rng.randrange(99), "data": {"text": one.text}, "annotations": [annotation]}


def label_studio_min(one: Example, rng: random.Random) -> Any:
    return {"id": rng.randrange(99), "text": one.text, "label": _regions(one), "annotator": 1}


def _regions(one: Example) -> list[Any]:
    return [
        {"start": m.start, "end": m.end, "text": m.text, "labels": [m.label]} for m in one.mentions
    ]


def gliner1(one: Example, rng: random.Random) -> Any:
    words = one.text.split(" ")
    last = rng.randrange(len(words))
    return {"tokenized_text": words, "ner": [[rng.randint(0, last), last, "DIS"]]}


def tokens(one: Example, rng: random.Random) -> Any:
    words, tags = _tagged(one, rng)
    keys = rng.choice([("tokens", "ner_tags"), ("words", "labels"), ("tokens", "tags")])
    return dict(zip(keys, (words, tags), strict=True))


def _tagged(one: Example, rng: random.Random) -> tuple[list[str], list[str]]:
    words = one.text.split(" ")
    return words, ["B-DIS", *(rng.choice(["O", "O", "B-Drug", "I-Drug"]) for _ in words[1:])]


RECORDS: dict[str, tuple[Callable[[Example, random.Random], Any], frozenset[str]]] = {
    "plan": (plan, frozenset({"plan"})),
    "spans": (spans, frozenset({"spans"})),
    "prodigy": (prodigy, frozenset({"prodigy"})),
    "spaCy pairs": (spacy_pair, frozenset({"spacy"})),
    "doccano relations": (doccano_relations, frozenset({"doccano"})),
    "Label Studio": (label_studio, frozenset({"label-studio"})),
    "Label Studio JSON-MIN": (label_studio_min, frozenset({"label-studio-min"})),
    "GLiNER": (gliner1, frozenset({"gliner1"})),
    "tokens": (tokens, frozenset({"tokens"})),
}


def generators(examples: Examples) -> dict[str, tuple[Generator, frozenset[str]]]:
    """Return a generator for each kind of records, and one for CSV with lists in its cells."""

    def of(record: Callable[[Example, random.Random], Any]) -> Generator:
        def generate(rng: random.Random) -> str:
            records = [record(one, rng) for one in examples(rng)]
            if isinstance(records[0], dict) and "answer" in records[0]:
                records[0]["answer"] = "accept"
            return records_of(rng, records)

        return generate

    def table(rng: random.Random) -> str:
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["tokens", "ner_tags"])
        show = rng.choice([json.dumps, repr])
        for one in examples(rng):
            writer.writerow([show(row) for row in _tagged(one, rng)])
        return stream.getvalue()

    found = {f"JSON, {name}": (of(record), known) for name, (record, known) in RECORDS.items()}
    return {**found, "CSV of lists": (table, frozenset({"csv"}))}
