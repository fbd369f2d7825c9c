"""A run folder read back: everything that a report shows, without a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from encswap.domain import Example, Mention, Prediction, Unlocated
from encswap.errors import InputError, located
from encswap.evaluate.errors import Case, classify
from encswap.evaluate.metrics import Counts, count, micro
from encswap.evaluate.survivors import Survivor, survivors

METRICS = "metrics.json"
PREDICTIONS = "predictions.jsonl"
ROUNDED = 1e-6
HINT = "give a finished run's folder, as `encswap train` writes it"


@dataclass(frozen=True)
class Document:
    """A scored document: its gold, what was predicted, and every scored candidate."""

    example: Example
    predictions: tuple[Prediction, ...]
    candidates: tuple[Prediction, ...]
    expressed: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """A finished run: its name, its numbers, its documents and what is recorded of its model."""

    name: str
    metrics: Mapping[str, Any]
    documents: tuple[Document, ...]
    record: Mapping[str, Any]

    @property
    def threshold(self) -> float:
        """The threshold that was chosen."""
        return float(self.metrics["threshold"])

    @property
    def labels(self) -> list[str]:
        """Every label that was asked for or that gold or predictions hold."""
        return list(self.metrics["test"]["per_label"])

    @property
    def asked(self) -> list[str]:
        """The labels that the model was asked for; those of the scores where none are recorded."""
        return list(self.record.get("labels") or self.labels)

    @cached_property
    def cases(self) -> list[list[Case]]:
        """What became of each document's gold and predictions."""
        return [
            classify(
                one.example,
                one.predictions,
                one.candidates,
                threshold=self.threshold,
                expressed=one.expressed,
            )
            for one in self.documents
        ]

    @cached_property
    def survivors(self) -> list[list[Survivor]]:
        """The candidates of each document that some threshold extracts."""
        policy = self.metrics.get("overlap_policy")
        return [survivors(one.candidates, policy) for one in self.documents]

    @cached_property
    def counts(self) -> list[Counts]:
        """Exact matches of each document, over all labels."""
        return [micro(count(one.example, one.predictions)) for one in self.documents]


def read_run(folder: Path) -> Run:
    """Read a run folder; an `InputError` says in one line what is missing or broken."""
    if not folder.is_dir():
        raise InputError("no such run folder", where=folder, hint=HINT)
    metrics = _read_metrics(folder / METRICS)
    documents = _read_documents(folder / PREDICTIONS)
    record = read_record(folder / "encswap.json")
    run = Run(folder.resolve().name, metrics, documents, record)
    _refuse_others(run, folder / PREDICTIONS)
    return run


def read_scores(folder: Path) -> Run:
    """Read what a run folder records of scores and model, without its documents."""
    metrics = _read_metrics(folder / METRICS)
    return Run(folder.resolve().name, metrics, (), read_record(folder / "encswap.json"))


def _read_metrics(path: Path) -> dict[str, Any]:
    metrics = _read_json(path)
    try:
        for one in (metrics["test"]["micro"], *metrics["test"]["per_label"].values()):
            _check(one, ("precision", "recall", "f1", "support"))
            _ = float(one["interval"][0]), float(one["interval"][1])
        for one in filter(None, (metrics.get("baselines") or {}).values()):
            _check(one["micro"], ("f1",))
        for one in metrics.get("epochs") or ():
            _check(one, ("epoch", "train_loss", "dev_f1"))
        for one in (metrics.get("targets") or {}).values():
            _ = float(one["target"]), one["verdict"]
        _ = float(metrics["threshold"]), metrics["protocol"]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"holds no scores of a test: {_said(error)}", where=path) from error
    return metrics


def _check(numbers: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in keys:
        float(numbers[key])


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"has no {path.name}", where=path.parent, hint=HINT) from error
    except (OSError, ValueError) as error:
        raise InputError(f"is cut off or no JSON: {error}", where=path, hint=HINT) from error
    if not isinstance(value, dict):
        raise InputError("is no JSON object", where=path, hint=HINT)
    return value


def read_record(path: Path) -> dict[str, Any]:
    """Read a manifest as it stands there; empty where there is none."""
    return _read_json(path) if path.is_file() else {}


def _read_documents(path: Path) -> tuple[Document, ...]:
    try:
        with path.open(encoding="utf-8") as file:
            lines = enumerate(file, start=1)
            return tuple(_document(line, path, number) for number, line in lines)
    except FileNotFoundError as error:
        raise InputError(f"has no {path.name}", where=path.parent, hint=HINT) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=path) from error


def _refuse_others(run: Run, path: Path) -> None:
    """Refuse documents that are not those of the scores: some are missing, or they are others."""
    test = run.metrics["test"]
    counts = sum(run.counts, Counts())
    for what, here, scored in (
        ("documents", len(run.documents), test.get("documents")),
        ("gold mentions", counts.gold, test["micro"]["support"]),
    ):
        if scored is not None and here != scored:
            reason = "it is cut off" if here < scored else "it is of another run"
            raise _other(f"{here:,} {what}", f"{scored:,}: {reason}", path)
    if abs(counts.f1 - test["micro"]["f1"]) > ROUNDED:
        told = f"{test['micro']['f1']:.4f}: it is cut off, changed or of another run"
        raise _other(f"predictions with an F1 of {counts.f1:.4f}", told, path)


def _other(here: str, scored: str, path: Path) -> InputError:
    return InputError(
        f"holds {here}, and {METRICS} has {scored}",
        where=path,
        hint="score the run again, or take a whole copy of the folder",
    )


def _document(line: str, path: Path, number: int) -> Document:
    try:
        raw = json.loads(line)
        text = raw["text"]
        mentions = tuple(
            Mention(int(one["start"]), int(one["end"]), str(one["label"]), str(one["text"]))
            for one in raw["gold"]
        )
        unlocated = tuple(Unlocated(one["label"], one["text"]) for one in raw["unlocated"])
        found = _predictions(raw["predictions"])
        candidates = _predictions(raw["candidates"])
        _refuse_outside(text, [(one.start, one.end) for one in mentions])
        _refuse_outside(text, [(one.start, one.end) for one in found])
        expressed = tuple(str(one.get("expressible", "")) for one in raw["gold"])
        labels = raw.get("labels")
        named = tuple(map(str, labels)) if labels is not None else None
        example = Example(
            str(raw["id"]), text, mentions, unlocated, line=raw.get("line"), annotated=named
        )
        return Document(example, found, candidates, expressed)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"is cut off or no scored document: {_said(error)}",
            where=located(path, number),
            hint="score the run again, or take a whole copy of the folder",
        ) from error


def _refuse_outside(text: str, spans: Sequence[tuple[int, int]]) -> None:
    for start, end in spans:
        if not 0 <= start < end <= len(text):
            raise ValueError(f"characters {start} to {end} are outside the text")


def _predictions(raw: Sequence[Mapping[str, Any]]) -> tuple[Prediction, ...]:
    return tuple(
        Prediction(int(one["start"]), int(one["end"]), str(one["label"]), float(one["score"]))
        for one in raw
    )


def _said(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
