"""How predictions are written: JSONL of encswap's own, or what a tool for annotators reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encswap.escaping import json_text
from encswap.types import Prediction

Shape = Callable[[str, Sequence[Prediction], Any], Mapping[str, Any]]
PLACES = 4
"""Decimals of a score."""


@dataclass(frozen=True)
class PredictionForm:
    """A form of predictions: a record a document, each on a line of its own, or a JSON array."""

    shape: Shape
    array: bool = False

    @property
    def head_lines(self) -> int:
        """How many lines come before the first record's."""
        return int(self.array)

    def head(self) -> Iterator[str]:
        """Yield what comes before the first record."""
        if self.array:
            yield "[\n"

    def line(self, text: str, found: Sequence[Prediction], id_: Any, *, first: bool) -> str:
        """One document."""
        comma = "," if self.array and not first else ""
        return f"{comma}{json_text(self.shape(text, found, id_))}\n"

    def tail(self) -> Iterator[str]:
        """Yield what comes behind the last record."""
        if self.array:
            yield "]\n"


def as_entities(text: str, found: Sequence[Prediction], id_: Any) -> dict[str, Any]:
    """`{"id", "text", "entities": [{"start", "end", "label", "text", "score"}]}`."""
    return {"id": id_, "text": text, "entities": [_span(text, one) for one in found]}


def as_spans(text: str, found: Sequence[Prediction], id_: Any) -> dict[str, Any]:
    """The format `spans`, which every command reads; a score is kept beside each span."""
    return {"id": id_, "text": text, "spans": [_span(text, one) for one in found]}


def as_doccano(text: str, found: Sequence[Prediction], id_: Any) -> dict[str, Any]:
    """Doccano's JSONL, which has no place for scores."""
    return {"id": id_, "text": text, "label": [[one.start, one.end, one.label] for one in found]}


def as_label_studio(text: str, found: Sequence[Prediction], id_: Any) -> dict[str, Any]:
    """A task of Label Studio with pre-annotations, for `<Labels name="label" toName="text">`."""
    regions = [
        {
            "id": f"e{number}",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "score": round(one.score, PLACES),
            "value": {
                "start": one.start,
                "end": one.end,
                "text": text[one.start : one.end],
                "labels": [one.label],
            },
        }
        for number, one in enumerate(found)
    ]
    scores = [one.score for one in found]
    prediction: dict[str, Any] = {"model_version": "encswap", "result": regions}
    if scores:
        prediction["score"] = round(sum(scores) / len(scores), PLACES)
    return {"data": {"text": text, "id": id_}, "predictions": [prediction]}


def _span(text: str, one: Prediction) -> dict[str, Any]:
    return {
        "start": one.start,
        "end": one.end,
        "label": one.label,
        "text": text[one.start : one.end],
        "score": round(one.score, PLACES),
    }


FORMS: Mapping[str, PredictionForm] = {
    "json": PredictionForm(as_entities),
    "jsonl": PredictionForm(as_entities),
    "spans": PredictionForm(as_spans),
    "doccano": PredictionForm(as_doccano),
    "label-studio": PredictionForm(as_label_studio, array=True),
}
