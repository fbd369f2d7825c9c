"""Several runs beside each other: which differences are real, and what differs between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from encswap.errors import InputError
from encswap.evaluate.intervals import Difference, compare
from encswap.evaluate.metrics import Counts, count
from encswap.report.origin import named
from encswap.report.page_data import names_of
from encswap.report.run_results import Run
from encswap.report.texts import Texts
from encswap.types import Mention

SEED = 42
ALL = ""


@dataclass(frozen=True)
class RunPair:
    """Two runs with the difference of the second to the first, of one label or of all (`ALL`)."""

    first: str
    second: str
    label: str
    difference: Difference


def compare_runs(runs: Sequence[Run]) -> list[RunPair]:
    """Compare every two runs on the documents that they share, over all labels and label by label.

    The level is 95% for all pairs of runs together, label by label. Raises `InputError` where the
    runs were not scored on the same documents and gold.
    """
    for run in runs[1:]:
        _refuse_other_documents(runs[0], run)
    names = name_apart(runs)
    labels = list(dict.fromkeys(label for run in runs for label in run.labels))
    numbered = list(combinations(range(len(runs)), 2))
    tables = [_tables(run) for run in runs]
    return [
        RunPair(
            names[one],
            names[two],
            label,
            compare(
                [row.get(label, Counts()) for row in tables[one]],
                [row.get(label, Counts()) for row in tables[two]],
                seed=SEED,
                pairs=len(numbered),
            ),
        )
        for label in (ALL, *labels)
        for one, two in numbered
    ]


def score_rows(runs: Sequence[Run], texts: Texts) -> list[Sequence[str]]:
    """The scores of every run, the first row the head."""
    keys = ("run", "precision", "recall", "f1", "interval", "threshold", "protocol")
    rows: list[Sequence[str]] = [[texts(key) for key in keys]]
    for name, run in zip(name_apart(runs), runs, strict=True):
        numbers = run.metrics["test"]["micro"]
        rows.append(
            (
                name,
                *(f"{numbers[key]:.3f}" for key in ("precision", "recall", "f1")),
                "–".join(f"{one:.3f}" for one in numbers["interval"]),
                f"{run.threshold:g}",
                str(run.metrics["protocol"]),
            )
        )
    return rows


def difference_rows(pairs: Sequence[RunPair], texts: Texts) -> list[Sequence[str]]:
    """Every difference with its interval, the first row the head."""
    rows: list[Sequence[str]] = [
        [texts(key) for key in ("differences", "label", "f1", "interval", "real")]
    ]
    for one in pairs:
        change = one.difference
        rows.append(
            (
                f"{one.first} → {one.second}",
                one.label or texts("all_labels"),
                f"{change.f1:+.3f}",
                f"{change.low:+.3f} … {change.high:+.3f}",
                texts("yes" if change.real else "not_shown"),
            )
        )
    return rows


def name_apart(runs: Sequence[Run]) -> list[str]:
    """Name the runs so that no two have one name."""
    names = [run.name for run in runs]
    return [
        f"{name} ({place})" if names.count(name) > 1 else name
        for place, name in enumerate(names, start=1)
    ]


def _tables(run: Run) -> list[dict[str, Counts]]:
    rows = []
    for document, whole in zip(run.documents, run.counts, strict=True):
        rows.append({**count(document.example, document.predictions), ALL: whole})
    return rows


def _refuse_other_documents(first: Run, other: Run) -> None:
    here, there = ([_key(one.example) for one in run.documents] for run in (first, other))
    if here == there:
        return
    place = next((n for n, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), None)
    said = (
        f"{len(here)} and {len(there)} documents"
        if place is None
        else f"they differ at document {place + 1}, {other.documents[place].example.id!r}"
    )
    raise InputError(
        f"{first.name} and {other.name} were not scored on the same documents and gold: {said}",
        hint="only runs on the same test documents can be compared document by document",
    )


def _key(example: object) -> tuple[object, ...]:
    parts = ("text", "mentions", "unlocated")
    return tuple(getattr(example, part) for part in parts)


UNSET = "–"
TAGGER = "tagger"
TAGGER_OWN = ("learning_rate", "weight_decay", "warmup_ratio", "words", "schedule", "updates")


def differing_settings(runs: Sequence[Run]) -> list[list[str]]:
    """List the recorded settings that are not the same in all runs: name, then each run's value.

    Files of documents are compared by their checksums, not by where they lie. A tagger has few
    settings of a GLiNER2's recipe: one that it lacks is listed where the others differ in it.
    """
    recorded = [_settings(run) for run in runs]
    taggers = [run.metrics.get("strategy") == TAGGER for run in runs]
    names = dict.fromkeys(name for one in recorded for name in one)
    rows = []
    for name in names:
        values = [one.get(name, UNSET) for one in recorded]
        own = [
            value
            for value, tags in zip(values, taggers, strict=True)
            if not (tags and value == UNSET)
        ]
        alone = all(taggers) or name in TAGGER_OWN
        if len(set(values if alone else own)) > 1:
            rows.append([name, *values])
    return rows


PATHS = ("train", "dev", "test")


def _settings(run: Run) -> dict[str, str]:
    record = run.record
    splitter = record.get("splitter") or {}
    found: dict[str, Any] = {
        "encoder": named(record.get("encoder")),
        "base": named(record.get("base")),
        "splitter": splitter.get("name"),
        "max_width": record.get("max_width"),
        "threshold": f"{run.threshold:g}",
        "strategy": run.metrics.get("strategy"),
        "protocol": run.metrics.get("protocol"),
        "labels": record.get("labels"),
    }
    recipe = record.get("recipe") or {}
    found |= {key: recipe[key] for key in recipe if key not in (*found, *PATHS)}
    found |= {f"versions.{key}": one for key, one in (record.get("versions") or {}).items()}
    found |= {f"data.{key}": one[:12] for key, one in (record.get("data") or {}).items()}
    device = (run.metrics.get("provenance") or {}).get("device")
    found["device"] = device
    return {key: _shown(value) for key, value in found.items()}


def _shown(value: Any) -> str:
    if value in (None, "", [], {}):
        return UNSET
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


@dataclass(frozen=True)
class FoundMissed:
    """A document in which two runs found different gold mentions: those of only one of them."""

    name: str
    first: tuple[Mention, ...]
    second: tuple[Mention, ...]


def found_and_missed(one: Run, two: Run) -> list[FoundMissed]:
    """List the documents in which one run found gold that the other missed, the most first."""
    names = names_of([document.example for document in one.documents])
    differing = []
    for place, name in enumerate(names):
        first, second = (_hits(run, place) for run in (one, two))
        gold = dict.fromkeys(one.documents[place].example.mentions)
        only = [
            tuple(mention for mention in gold if mention in mine and mention not in other)
            for mine, other in ((first, second), (second, first))
        ]
        if any(only):
            differing.append(FoundMissed(name, *only))
    return sorted(differing, key=lambda found: -len(found.first) - len(found.second))


def _hits(run: Run, place: int) -> set[Any]:
    return {case.gold for case in run.cases[place] if case.kind == "exact"}
