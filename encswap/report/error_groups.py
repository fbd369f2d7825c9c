"""The errors of a run in groups: which are frequent, what to try next, and all of them as CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from encswap.escaping import csv_cell
from encswap.evaluate.error_analysis import ErrorCase
from encswap.report.page_data import names_of
from encswap.report.run_results import Run
from encswap.types import Example, Mention

LARGE_SHARE, LEAST = 0.1, 3
"""A group is large that holds this share of all errors and at least so many."""
MOST_GROUPS, MOST_FREQUENT = 5, 12
UNEXPLAINED = ("unknown",)


@dataclass(frozen=True)
class ErrorGroup:
    """Errors of one kind, and of one detail where the kind has any, with their share of all."""

    kind: str
    detail: str
    count: int
    share: float

    @property
    def name(self) -> str:
        """The detail where there is one, else the kind: the key of what to try."""
        return self.detail or self.kind


def large_groups(run: Run) -> list[ErrorGroup]:
    """The groups that hold a large share of the errors, the largest first."""
    counts = Counter(
        (case.kind, case.detail)
        for cases in run.cases
        for case in cases
        if case.kind != "exact" and case.detail not in UNEXPLAINED
    )
    total = sum(case.kind != "exact" for cases in run.cases for case in cases)
    groups = [
        ErrorGroup(kind, detail, count, count / total)
        for (kind, detail), count in counts.most_common(MOST_GROUPS)
    ]
    return [one for one in groups if one.count >= LEAST and one.share >= LARGE_SHARE]


@dataclass(frozen=True)
class FrequentError:
    """What went wrong in the same way more than once: kind, gold, prediction; "" where none."""

    kind: str
    gold: str
    gold_label: str
    predicted: str
    predicted_label: str
    times: int
    documents: int


def frequent_errors(run: Run, most: int = MOST_FREQUENT) -> list[FrequentError]:
    """Count errors with the same strings and labels; those of a redacted run by label alone."""
    times: Counter[tuple[str, str, str, str, str]] = Counter()
    documents: Counter[tuple[str, str, str, str, str]] = Counter()
    for document, cases in zip(run.documents, run.cases, strict=True):
        keys = [_key(case, document.example) for case in cases if case.kind != "exact"]
        times.update(keys)
        documents.update(set(keys))
    return [
        FrequentError(*key, count, documents[key])
        for key, count in times.most_common(most)
        if count > 1
    ]


def _key(case: ErrorCase, example: Example) -> tuple[str, str, str, str, str]:
    predicted = case.predicted
    return (
        case.kind,
        case.gold.text if case.gold else "",
        case.gold.label if case.gold else "",
        example.text[predicted.start : predicted.end] if predicted else "",
        predicted.label if predicted else "",
    )


COLUMNS = (
    *("document", "line", "kind", "detail"),
    *("gold_label", "gold_text", "gold_start", "gold_end"),
    *("predicted_label", "predicted_text", "predicted_start", "predicted_end", "score"),
)
STRINGS = ("gold_text", "predicted_text")


def errors_csv(run: Run) -> str:
    """Write every error as a row of CSV, without the strings where the run is redacted.

    Cells that a spreadsheet would run as a formula are quoted. Offsets are characters of the text.
    """
    columns = [one for one in COLUMNS if not (run.redacted and one in STRINGS)]
    written = io.StringIO()
    writer = csv.DictWriter(written, columns, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    for row in _rows(run):
        writer.writerow({key: csv_cell(value) for key, value in row.items()})
    return written.getvalue()


def _rows(run: Run) -> Iterator[dict[str, str]]:
    names = names_of([one.example for one in run.documents])
    for name, document, cases in zip(names, run.documents, run.cases, strict=True):
        for case in cases:
            if case.kind != "exact":
                yield {"document": name, **_row(case, document.example)}


def _row(case: ErrorCase, example: Example) -> dict[str, str]:
    gold, predicted = case.gold, case.predicted
    row = {"line": str(example.line or ""), "kind": case.kind, "detail": case.detail}
    if gold is not None:
        row |= {"gold_label": gold.label, "gold_text": gold.text}
    if isinstance(gold, Mention):
        row |= {"gold_start": str(gold.start), "gold_end": str(gold.end)}
    if predicted is not None:
        row |= {
            "predicted_label": predicted.label,
            "predicted_text": example.text[predicted.start : predicted.end],
            "predicted_start": str(predicted.start),
            "predicted_end": str(predicted.end),
            "score": f"{predicted.score:.4f}",
        }
    return row
