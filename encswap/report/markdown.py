"""The report of a run in Markdown, short enough for a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from encswap.escaping import markdown
from encswap.evaluate.error_analysis import KINDS, tally, tally_details
from encswap.report.run_results import Run
from encswap.report.scores import (
    VIEWS,
    ScoreRow,
    beside,
    floor,
    protocol,
    shares,
    verdict,
    warnings_of,
)
from encswap.report.texts import Texts


def write_markdown(run: Run, texts: Texts) -> str:
    """Write the verdict, what it stands beside, the labels, the errors and the other views."""
    line, target, _ = verdict(run, texts)
    parts = [
        f"## {texts('title', name=plain(run.name))}",
        " ".join(filter(None, (f"**{line}**", target, floor(run, texts), protocol(run, texts)))),
        *(f"> {plain(one)}" for one in warnings_of(run, texts)),
        _beside(beside(run, texts), texts),
        labels_table(run, texts),
        f"### {texts('errors')}",
        _errors(run, texts),
        f"### {texts('views')}",
        _views(run, texts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def rows_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table; the first column holds words, the others numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def plain(words: str) -> str:
    """Keep a pipe, a mark or a tag in somebody's label from being read as Markdown."""
    return markdown(words)


def _span(interval: tuple[float, float] | None) -> str:
    return f"{interval[0]:.3f}–{interval[1]:.3f}" if interval else ""


def _beside(rows: Sequence[ScoreRow], texts: Texts) -> str:
    return rows_of(
        [texts("beside"), texts("f1"), texts("interval")],
        [[plain(row.name), f"{row.value:.3f}", _span(row.interval)] for row in rows],
    )


def labels_table(run: Run, texts: Texts) -> str:
    """Write the scores of each label and of all, with interval and target."""
    test, targets = run.metrics["test"], run.metrics.get("targets") or {}
    rows = []
    for name, numbers in [*test["per_label"].items(), ("micro", test["micro"])]:
        target = targets.get(name) or {}
        verdicts = {"missed": "missed_target", "not measured": "not_measured"}
        said = str(target.get("verdict", ""))
        rows.append(
            [
                texts("all_labels") if name == "micro" else plain(name),
                *shares(numbers, texts),
                str(numbers["support"]),
                f"{target['target']:.2f} {texts(verdicts.get(said, said))}" if target else "",
            ]
        )
    keys = ("label", "precision", "recall", "f1", "interval", "mentions", "target")
    return rows_of([texts(key) for key in keys], rows)


def _errors(run: Run, texts: Texts) -> str:
    cases = [case for document in run.cases for case in document]
    counts = tally(cases)
    rows = []
    for kind in KINDS:
        rows.append((texts.kind(kind), counts[kind]))
        inner = tally_details(cases, kind)
        rows += [(f"– {texts.kind(one)}", inner[one]) for one in inner if inner[one]]
    return rows_of(
        [texts("kind"), *map(plain, run.labels), texts("total")],
        [[name, *(str(n[one]) for one in run.labels), str(n.total())] for name, n in rows],
    )


def _views(run: Run, texts: Texts) -> str:
    test = run.metrics["test"]
    return rows_of(
        ["", texts("precision"), texts("recall"), texts("f1")],
        [
            [
                texts(f"view_{name}"),
                *(f"{test[name][key]:.3f}" for key in ("precision", "recall", "f1")),
            ]
            for name in VIEWS
            if test.get(name)
        ],
    )
