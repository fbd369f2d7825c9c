"""What the calls of the API return: typed, with `to_dict()`, and a table for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from encswap.types import Prediction

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from encswap.check.verdicts import CandidateResult, CheckReport
    from encswap.manifest import Manifest

COLOURS = ("#cfe8ff", "#fff0b3", "#d3f2d0", "#f6d5f2", "#ffd6cc", "#dcdcff", "#e3e3d3", "#c8f0ee")


@dataclass(frozen=True)
class CheckOutcome:
    """Which encoders fit; candidates in the order of verdict and rank."""

    report: CheckReport

    @property
    def recommended(self) -> str | None:
        """The encoder to take, None where none is selected."""
        return self.report.recommended

    @property
    def candidates(self) -> tuple[CandidateResult, ...]:
        """Each candidate with verdict, reasons and findings."""
        return self.report.candidates

    def __iter__(self) -> Iterator[CandidateResult]:
        return iter(self.report.candidates)

    def __getitem__(self, name: str) -> CandidateResult:
        for one in self.report.candidates:
            if one.name == name:
                return one
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """The keys of `encswap check --format json`."""
        return self.report.to_json()

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (one.name, one.verdict, "; ".join(reason.message for reason in one.reasons))
            for one in self.report.candidates
        ]

    def __repr__(self) -> str:
        counts = f"{len(self.candidates)} candidates at depth {self.report.depth}"
        return f"CheckOutcome({counts}, recommended: {self.recommended})\n{_text(self._rows())}"

    def _repr_html_(self) -> str:
        return _table(("encoder", "verdict", "reasons"), self._rows())


@dataclass(frozen=True)
class SwapResult:
    """A swapped checkpoint that has not been trained yet."""

    folder: Path
    manifest: Manifest

    def load(self) -> PreTrainedModel:
        """Load it: a gliner2 model with its word splitter."""
        from encswap.swap.checkpoint import load

        return load(self.folder)

    def to_dict(self) -> dict[str, Any]:
        """The keys of `encswap swap --format json`."""
        return {**asdict(self.manifest), "checkpoint": str(self.folder)}

    def _rows(self) -> list[tuple[str, ...]]:
        made = ", ".join(f"{count} {how}" for how, count in self.manifest.origins.items())
        return [
            ("encoder", self.manifest.encoder.name),
            ("base", self.manifest.base.name),
            ("embedding rows", made),
            ("word splitter", self.manifest.splitter.name),
            ("max_width", str(self.manifest.max_width)),
            ("checkpoint", str(self.folder)),
        ]

    def __repr__(self) -> str:
        return f"SwapResult({str(self.folder)!r})\n{_text(self._rows())}"

    def _repr_html_(self) -> str:
        return _table(("", ""), self._rows())


@dataclass(frozen=True)
class ScoreResult:
    """ScoreResult on test documents, with the keys of `metrics.json`."""

    metrics: Mapping[str, Any]

    @property
    def f1(self) -> float:
        """Micro F1 of exact spans."""
        return float(self.metrics["test"]["micro"]["f1"])

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% bootstrap interval of `f1`."""
        low, high = self.metrics["test"]["micro"]["interval"]
        return float(low), float(high)

    @property
    def threshold(self) -> float:
        """The threshold that spans were extracted at."""
        return float(self.metrics["threshold"])

    @property
    def per_label(self) -> Mapping[str, Any]:
        """Precision, recall, F1 and support of each label."""
        found: Mapping[str, Any] = self.metrics["test"]["per_label"]
        return found

    def to_dict(self) -> dict[str, Any]:
        """The metrics."""
        return dict(self.metrics)

    def _rows(self) -> list[tuple[str, ...]]:
        rows = {**self.per_label, "all": self.metrics["test"]["micro"]}
        return [
            (
                label,
                *(f"{one[key]:.4f}" for key in ("precision", "recall", "f1")),
                str(one["support"]),
            )
            for label, one in rows.items()
        ]

    def _summary(self) -> str:
        low, high = self.interval
        return f"F1 {self.f1:.4f} [{low:.4f}, {high:.4f}] at threshold {self.threshold:g}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._summary()})\n{_text(self._rows())}"

    def _repr_html_(self) -> str:
        columns = ("label", "precision", "recall", "F1", "support")
        return f"<p>{html.escape(self._summary())}</p>" + _table(columns, self._rows())


@dataclass(frozen=True, repr=False)
class EvaluateResult(ScoreResult):
    """A saved model's scores on documents."""


@dataclass(frozen=True, repr=False)
class TrainResult(ScoreResult):
    """A trained run: its folder and its metrics."""

    folder: Path = Path()

    def load(self) -> PreTrainedModel:
        """Load the trained model, with its word splitter and threshold."""
        from encswap.swap.checkpoint import load

        return load(self.folder)

    def to_dict(self) -> dict[str, Any]:
        """The keys of `encswap train --format json`."""
        return {**self.metrics, "run": str(self.folder)}


@dataclass(frozen=True)
class PredictedText:
    """A text with its entities, in the order of the text."""

    text: str
    entities: tuple[Prediction, ...]

    def to_dict(self) -> dict[str, Any]:
        """The text with its entities, as `encswap predict` writes them."""
        return {
            "text": self.text,
            "entities": [
                {**asdict(one), "text": self.text[one.start : one.end]} for one in self.entities
            ],
        }

    def __repr__(self) -> str:
        found = ", ".join(
            f"{self.text[one.start : one.end]!r} {one.label} {one.score:.2f}"
            for one in self.entities
        )
        return f"PredictedText({self.text[:60]!r}: {found or 'nothing'})"

    def _repr_html_(self) -> str:
        labels = sorted({one.label for one in self.entities})
        parts, done = [], 0
        for one in sorted(self.entities, key=lambda one: (one.start, -one.end)):
            if one.start < done:  # inside one that is shown; it is listed by `entities`
                continue
            colour = COLOURS[labels.index(one.label) % len(COLOURS)]
            parts.append(html.escape(self.text[done : one.start]))
            parts.append(
                f'<mark style="background:{colour};padding:.1em .2em;border-radius:.2em" '
                f'title="{html.escape(one.label)} {one.score:.2f}">'
                f"{html.escape(self.text[one.start : one.end])} "
                f"<small>{html.escape(one.label)}</small></mark>"
            )
            done = one.end
        parts.append(html.escape(self.text[done:]))
        return '<p style="line-height:1.9;white-space:pre-wrap">' + "".join(parts) + "</p>"


@dataclass(frozen=True)
class PredictResult(Sequence[PredictedText]):
    """What was found in each text, in the order given."""

    documents: tuple[PredictedText, ...]

    @overload
    def __getitem__(self, place: int) -> PredictedText: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[PredictedText, ...]: ...
    def __getitem__(self, place: int | slice) -> PredictedText | tuple[PredictedText, ...]:
        return self.documents[place]

    def __len__(self) -> int:
        return len(self.documents)

    def to_dict(self) -> dict[str, Any]:
        """Every text with its entities."""
        return {"documents": [one.to_dict() for one in self.documents]}

    def __repr__(self) -> str:
        lines = [f"  {one!r}" for one in self.documents[:5]]
        more = ["  …"] if len(self.documents) > 5 else []
        return "\n".join([f"PredictResult({len(self.documents)} texts)", *lines, *more])

    def _repr_html_(self) -> str:
        return "".join(one._repr_html_() for one in self.documents[:50])


def _text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as aligned text."""
    table = [[*row] for row in rows]
    widths = (
        [max(len(row[place]) for row in table) for place in range(len(table[0]))] if table else []
    )
    return "\n".join(
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows as an HTML table; every cell is escaped."""
    head = "".join(f"<th>{html.escape(one)}</th>" for one in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
