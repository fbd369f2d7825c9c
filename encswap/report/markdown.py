"""The report of a run in Markdown, short enough for a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from encswap.escaping import MarkdownText, markdown, markdown_table, number_rules
from encswap.evaluate.error_analysis import KINDS, tally, tally_details
from encswap.report.ability_scores import ability_sections
from encswap.report.rival_scores import rival_findings, rival_rows
from encswap.report.run_results import Run
from encswap.report.scores import (
    VIEWS,
    ScoreRow,
    beside,
    floor,
    protocol,
    remarks_of,
    shares,
    span,
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
        *(f"- {plain(one)}" for one in remarks_of(run)),
        beside_table(beside(run, texts), texts),
        labels_table(run, texts),
        *(
            (f"### {texts('rivals')}", rivals_table(run, texts))
            if run.metrics.get("rivals")
            else ()
        ),
        abilities(run, texts, "###"),
        f"### {texts('errors')}",
        _errors(run, texts),
        f"### {texts('views')}",
        _views(run, texts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def number_table(rows: Sequence[Sequence[str]]) -> MarkdownText:
    """Write a Markdown table, the first row its head; all columns but the first hold numbers."""
    return markdown_table(rows, number_rules(len(rows[0])))


def plain(words: str) -> str:
    """Keep a pipe, a mark or a tag in somebody's label from being read as Markdown."""
    return markdown(words)


def beside_table(rows: Sequence[ScoreRow], texts: Texts) -> MarkdownText:
    """Write this model's score and what it stands beside, with intervals."""
    return number_table(
        [
            [texts("beside"), texts("f1"), texts("interval")],
            *([row.name, f"{row.value:.3f}", span(row.interval)] for row in rows),
        ]
    )


def rivals_table(run: Run, texts: Texts) -> MarkdownText:
    """Write what was found of each rival, then its score, the paired difference and its cost."""
    lines = [f"- {plain(name)}: {plain(found)}" for name, found in rival_findings(run)]
    return MarkdownText("\n".join([*lines, "", markdown_table(rival_rows(run, texts))]))


def abilities(run: Run, texts: Texts, level: str) -> MarkdownText:
    """Write what the model can do besides its labels, each under a heading of `level` marks."""
    parts = [
        "\n\n".join(
            [
                f"{level} {texts(one.name)}",
                *(plain(line) for line in one.lines),
                markdown_table(one.rows),
            ]
        )
        for one in ability_sections(run, texts)
    ]
    return MarkdownText("\n\n".join(parts))


def labels_table(run: Run, texts: Texts) -> MarkdownText:
    """Write the scores of each label and of all, with interval and target."""
    test, targets = run.metrics["test"], run.metrics.get("targets") or {}
    keys = ("label", "precision", "recall", "f1", "interval", "mentions", "target")
    rows = [[texts(key) for key in keys]]
    for name, numbers in [*test["per_label"].items(), ("micro", test["micro"])]:
        target = targets.get(name) or {}
        verdicts = {"missed": "missed_target", "not measured": "not_measured"}
        said = str(target.get("verdict", ""))
        rows.append(
            [
                texts("all_labels") if name == "micro" else name,
                *shares(numbers, texts),
                str(numbers["support"]),
                f"{target['target']:.2f} {texts(verdicts.get(said, said))}" if target else "",
            ]
        )
    return number_table(rows)


def _errors(run: Run, texts: Texts) -> str:
    cases = [case for document in run.cases for case in document]
    counts = tally(cases)
    rows = []
    for kind in KINDS:
        rows.append((texts.kind(kind), counts[kind]))
        inner = tally_details(cases, kind)
        rows += [(f"– {texts.kind(one)}", inner[one]) for one in inner if inner[one]]
    return number_table(
        [
            [texts("kind"), *run.labels, texts("total")],
            *([name, *(str(n[one]) for one in run.labels), str(n.total())] for name, n in rows),
        ]
    )


def _views(run: Run, texts: Texts) -> str:
    test = run.metrics["test"]
    keys = ("precision", "recall", "f1")
    return number_table(
        [
            [texts("view"), *(texts(key) for key in keys)],
            *(
                [texts(f"view_{name}"), *(f"{test[name][key]:.3f}" for key in keys)]
                for name in VIEWS
                if test.get(name)
            ),
        ]
    )
