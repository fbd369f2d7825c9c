"""A run without its texts, so that a report of it can leave the house that owns the documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from encswap.evaluate.error_analysis import ErrorCase
from encswap.report.run_results import Run, ScoredDocument
from encswap.report.texts import Texts
from encswap.types import Example, Gold, Mention, Unlocated


def without_texts(run: Run, texts: Texts) -> Run:
    """Take out texts, mention strings and ids; labels, offsets, scores and error kinds stay.

    Documents are named by their place. Remarks are free text and may quote a document, so one that
    holds any of the strings is replaced. Raises nothing: what cannot be kept is left out.
    """
    strings = {text for one in run.documents for text in _strings(one.example)}
    documents, classified = [], []
    for place, (document, cases) in enumerate(zip(run.documents, run.cases, strict=True), 1):
        bare = _bare_document(document, texts("document_number", number=place))
        documents.append(bare)
        classified.append(_bare_cases(cases, document.example, bare.example))
    return replace(
        run,
        metrics={**run.metrics, "remarks": _bare_remarks(run, strings, texts)},
        record={key: value for key, value in run.record.items() if key != "descriptions"},
        documents=tuple(documents),
        redacted=True,
        classified=tuple(classified),
    )


def _strings(example: Example) -> Sequence[str]:
    return (
        example.id,
        example.text,
        *(one.text for one in example.gold),
    )


def _bare_document(document: ScoredDocument, name: str) -> ScoredDocument:
    example = document.example
    bare = replace(
        example,
        id=name,
        text="",
        line=None,
        mentions=tuple(replace(one, text="") for one in example.mentions),
        unlocated=tuple(replace(one, text="") for one in example.unlocated),
    )
    return replace(document, example=bare)


def _bare_cases(cases: Sequence[ErrorCase], example: Example, bare: Example) -> list[ErrorCase]:
    # Unlocated gold is told apart by identity: two strings may be equal, and all are once bare.
    lost = {id(old): new for old, new in zip(example.unlocated, bare.unlocated, strict=True)}
    return [replace(case, gold=_bare_gold(case.gold, lost)) for case in cases]


def _bare_gold(gold: Gold | None, lost: dict[int, Unlocated]) -> Gold | None:
    return replace(gold, text="") if isinstance(gold, Mention) else lost.get(id(gold))


def _bare_remarks(run: Run, strings: set[str], texts: Texts) -> list[Any]:
    remarks = [str(one) for one in run.metrics.get("remarks") or ()]
    kept = [one for one in remarks if not any(text and text in one for text in strings)]
    if left := len(remarks) - len(kept):
        kept.append(texts("remarks_left_out", count=left))
    return kept
