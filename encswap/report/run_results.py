"""A run folder read back: everything that a report shows, without a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from encswap.errors import InputError, located
from encswap.evaluate.error_analysis import ErrorCase, classify
from encswap.evaluate.metrics import Counts, count, micro
from encswap.evaluate.thresholds import Survivor, survivors
from encswap.rivals.pretrained import RECORD as RIVAL
from encswap.rivals.pretrained import TaggerRecord
from encswap.train.run_files import Line, Metrics, Recorded, ScoredSpan
from encswap.types import Example, Mention, Prediction, Unlocated
from encswap.validation import Record, parse_json, read_record, read_text, validate

METRICS = "metrics.json"
PREDICTIONS = "predictions.jsonl"
MANIFEST = "encswap.json"
ROUNDED = 1e-6
HINT = "give a finished run's folder, as `encswap train` writes it"


@dataclass(frozen=True)
class ScoredDocument:
    """A scored document: its gold, what was predicted, and every scored candidate.

    `in_training` says of each gold mention, then of each string that is not in the text, how often
    the training documents mark that string with that label; None where no run recorded it.
    """

    example: Example
    predictions: tuple[Prediction, ...]
    candidates: tuple[Prediction, ...]
    expressed: tuple[str, ...]
    in_training: tuple[int | None, ...] = ()


@dataclass(frozen=True)
class Run:
    """A finished run: its name, its numbers, its documents and what is recorded of its model.

    `redacted`: texts, mention strings and ids were taken out, so `classified` holds the cases that
    were found while the texts were there.
    """

    name: str
    metrics: Mapping[str, Any]
    documents: tuple[ScoredDocument, ...]
    record: Mapping[str, Any]
    redacted: bool = False
    classified: tuple[list[ErrorCase], ...] | None = None

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
    def cases(self) -> list[list[ErrorCase]]:
        """What became of each document's gold and predictions."""
        if self.classified is not None:
            return list(self.classified)
        return [
            classify(
                one.example,
                one.predictions,
                one.candidates,
                threshold=self.threshold,
                own=self.record.get("thresholds"),
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
    metrics = read_metrics(folder / METRICS)
    documents = _read_documents(folder / PREDICTIONS)
    run = Run(folder.resolve().name, metrics, documents, read_recorded(folder))
    _refuse_others(run, folder / PREDICTIONS)
    return run


def read_scores(folder: Path) -> Run:
    """Read what a run folder records of scores and model, without its documents."""
    metrics = read_metrics(folder / METRICS)
    return Run(folder.resolve().name, metrics, (), read_recorded(folder))


def read_metrics(path: Path, kind: type[Record] = Metrics) -> dict[str, Any]:
    """Read `metrics.json`; an `InputError` names the key that is wrong."""
    _refuse_missing(path)
    metrics = read_record(path, kind, what="holds no scores of a test", hint=HINT)
    return metrics.model_dump(exclude_unset=True)


def _refuse_missing(path: Path) -> None:
    if not path.exists():
        raise InputError(f"has no {path.name}", where=path.parent, hint=HINT)


def read_recorded(folder: Path) -> dict[str, Any]:
    """Read what `encswap.json` records, for a report, of a tagger what `rival.json` does.

    Empty where there is neither.
    """
    path = folder / MANIFEST
    if (folder / RIVAL).exists() and not path.exists():
        rival = read_record(folder / RIVAL, TaggerRecord, what="is no record of a rival", hint=HINT)
        known = rival.model_dump(exclude_unset=True, include=set(Recorded.model_fields))
        splitter = {"name": rival.splitter, "options": rival.splitter_options}
        return {**known, "splitter": splitter}
    if not path.exists():
        return {}
    return read_record(path, Recorded, what="is no manifest", hint=HINT).model_dump(
        exclude_unset=True
    )


def _read_documents(path: Path) -> tuple[ScoredDocument, ...]:
    _refuse_missing(path)
    lines = read_text(path, hint=HINT).split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return tuple(_document(line, located(path, n)) for n, line in enumerate(lines, start=1))


def _document(line: str, where: str) -> ScoredDocument:
    hint = "score the run again, or take a whole copy of the folder"
    try:
        value = parse_json(line)
    except ValueError as error:
        raise InputError(f"is cut off or no JSON: {error}", where=where, hint=hint) from error
    one = validate(value, Line, where, what="is no scored document", hint=hint)
    mentions = tuple(Mention(g.start, g.end, g.label, g.text) for g in one.gold)
    unlocated = tuple(Unlocated(gold.label, gold.text) for gold in one.unlocated)
    annotated = tuple(one.labels) if one.labels is not None else None
    return ScoredDocument(
        Example(one.id, one.text, mentions, unlocated, line=one.line, annotated=annotated),
        _predictions(one.predictions),
        _predictions(one.candidates),
        tuple(gold.expressible for gold in one.gold),
        (*(g.in_training for g in one.gold), *(lost.in_training for lost in one.unlocated)),
    )


def _predictions(spans: Iterable[ScoredSpan]) -> tuple[Prediction, ...]:
    return tuple(Prediction(one.start, one.end, one.label, one.score) for one in spans)


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
