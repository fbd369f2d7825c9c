"""Metrics as tables for a person: per label, and what the score stands beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from encswap import escaping
from encswap.cli.output import console
from encswap.escaping import markdown, markdown_table, printable


def score_tables(metrics: dict[str, Any], *, markdown: bool) -> str:
    """Draw the test scores per label and, where they are there, what they are compared with."""
    parts = [table(_label_rows(metrics), markdown), *_closing(metrics)]
    if metrics.get("baselines"):
        parts.insert(1, table(_comparison_rows(metrics), markdown))
    if metrics.get("tasks"):
        parts.insert(1, table(_task_rows(metrics), markdown))
    if metrics.get("retention"):
        parts.append("\n" + retention_table(metrics["retention"], markdown=markdown))
    return "\n".join(parts)


def _label_rows(metrics: dict[str, Any]) -> list[Sequence[str]]:
    test = metrics["test"]
    targets = metrics.get("targets") or {}
    rows: list[Sequence[str]] = [
        ("label", "precision", "recall", "F1", "95% interval", "mentions", "target")
    ]
    for name, numbers in [*test["per_label"].items(), ("micro", test["micro"])]:
        target = targets.get(name)
        rows.append(
            (
                "all labels" if name == "micro" else name,
                *_shares(numbers),
                str(numbers["support"]),
                f"{target['target']:.2f} {target['verdict']}" if target else "",
            )
        )
    return rows


def _task_rows(metrics: dict[str, Any]) -> list[Sequence[str]]:
    """List the scores of classifications, relations and structures, each beside the base's."""
    before = ((metrics.get("baselines") or {}).get("before_training") or {}).get("tasks") or {}
    old = {name: score for name, score, *_ in _task_lines(before)}
    rows: list[Sequence[str]] = [("task", "score", "", "95% interval", "gold", "before training")]
    for name, score, measure, interval, support in _task_lines(metrics["tasks"]):
        first = f"{old[name]:.3f}" if name in old else ""
        if not support:
            rows.append((name, "–", measure, "not measured", "0", first))
            continue
        low, high = interval
        rows.append((name, f"{score:.3f}", measure, f"{low:.3f}–{high:.3f}", str(support), first))
    return rows


TaskLine = tuple[str, float, str, Sequence[float], int]


def _task_lines(tasks: dict[str, Any]) -> Iterator[TaskLine]:
    for task, one in tasks.get("classifications", {}).items():
        support = one["support"]
        yield task, one["accuracy"], "accuracy", one["accuracy_interval"], support
        yield f"{task}, classes", one["macro_f1"], "macro F1", one["interval"], support
    if relations := tasks.get("relations"):
        found = {**relations["per_relation"], "all relations": relations["micro"]}
        for name, one in found.items():
            yield name, one["f1"], "strict F1", one["interval"], one["support"]
    if structures := tasks.get("structures"):
        fields = {**structures["per_field"], "all fields": structures}
        for name, one in fields.items():
            for measure in ("exact", "partial"):
                numbers = one[measure]
                label = name if measure == "exact" else f"{name}, overlapping"
                yield label, numbers["f1"], f"{measure} F1", numbers["interval"], numbers["support"]


def retention_table(found: dict[str, Any], *, markdown: bool) -> str:
    """Draw what each model can do on labels and tasks that were not trained."""
    stages = list(next(iter(found["sets"].values()))["models"])
    rows: list[Sequence[str]] = [("set", "task", *(f"{stage} (95% interval)" for stage in stages))]
    for name, one in found["sets"].items():
        cells = {stage: _kept_cells(one["models"][stage]) for stage in stages}
        rows += [
            (name, task, *(cells[stage].get(task, "–") for stage in stages))
            for task in cells[stages[0]]
        ]
    return table(rows, markdown) + f"{found['sentence']}\n"


def _kept_cells(scores: dict[str, Any]) -> dict[str, str]:
    found = {"entities": scores["entities"]["micro"]}
    for task, one in scores.get("classifications", {}).items():
        found[f"{task} (macro F1)"] = {"f1": one["macro_f1"], "interval": one["interval"]}
    if "relations" in scores:
        found["relations"] = scores["relations"]["micro"]
    if "structures" in scores:
        found["structure fields"] = scores["structures"]["exact"]
    return {
        name: f"{one['f1']:.3f} ({one['interval'][0]:.3f}–{one['interval'][1]:.3f})"
        for name, one in found.items()
    }


def _shares(numbers: dict[str, Any]) -> tuple[str, str, str, str]:
    """Precision, recall, F1 and interval; of what has no gold only that it is not measured."""
    if not numbers["support"]:
        return "–", "–", "–", "not measured"
    low, high = numbers["interval"]
    return (
        f"{numbers['precision']:.3f}",
        f"{numbers['recall']:.3f}",
        f"{numbers['f1']:.3f}",
        f"{low:.3f}–{high:.3f}",
    )


def _comparison_rows(metrics: dict[str, Any]) -> list[Sequence[str]]:
    names = {
        "dictionary": "dictionary of the training mentions",
        "base": "the base before the swap",
        "before_training": "the swapped model before training",
    }
    rows: list[Sequence[str]] = [("what it stands beside", "test F1")]
    if control := metrics["baselines"].get("control"):
        names["control"] = f"{control['name']}, as it is"
    for key, name in names.items():
        rows.append((name, f"{metrics['baselines'][key]['micro']['f1']:.3f}"))
        if folded := metrics["baselines"][key].get("cross_fold"):
            rows.append(
                ("the same, five-fold within the training documents", f"{folded['f1']:.3f}")
            )
    rows.append(("this model", f"{metrics['test']['micro']['f1']:.3f}"))
    rows.append((_ceiling(metrics), f"{metrics['coverage']:.3f}"))
    return rows


def _ceiling(metrics: dict[str, Any]) -> str:
    lost = sum(one["overlapping"] for one in (metrics.get("ceiling") or {}).values())
    return f"ceiling of recall: what the units{' and the overlap policy' * bool(lost)} can express"


def _closing(metrics: dict[str, Any]) -> list[str]:
    iob2 = metrics["test"]["iob2"]
    return [
        *_sources(metrics),
        f"Strict IOB2 over characters (seqeval): F1 {iob2['f1']:.3f}.",
        *_labels(metrics.get("labels") or {}),
    ]


def _sources(metrics: dict[str, Any]) -> list[str]:
    """Say where the threshold comes from, and the epoch."""
    both = "test" if metrics["protocol"] == "plan" else "dev"
    threshold = metrics.get("threshold_source", both)
    epoch = metrics.get("epoch_source", both)
    at, places = f"{metrics['threshold']:g}", {"dev": "dev", "test": "test, as the plan does"}
    if threshold == epoch:
        return [f"Threshold {at} and epoch were chosen on {places[epoch]}."]
    said = {"given": "was given by hand", "default": "is the default: none was chosen"}
    first = said.get(threshold) or f"was chosen on {places[threshold]}"
    if epoch is None:
        return [
            f"Threshold {at} {first}. No epoch was chosen: no labelled documents trained the model."
        ]
    return [f"Threshold {at} {first}. The epoch was chosen on {places[epoch]}."]


def _labels(labels: dict[str, Any]) -> list[str]:
    """Say which labels only the documents have, and which only the model is asked for."""
    lines = []
    if labels.get("not_asked"):
        counts = ", ".join(
            f"{name!r} ({count:,} mentions)" for name, count in labels["not_asked"].items()
        )
        lines.append(
            f"Labels of the documents that the model was not asked for, all missed: {counts}."
        )
    if labels.get("not_marked"):
        names = ", ".join(map(repr, labels["not_marked"]))
        lines.append(f"Labels that no document marks, so their recall is not measured: {names}.")
    if labels.get("groups", 1) > 1:
        count, groups = len(labels["asked"]), labels["groups"]
        lines.append(
            f"The {count:,} labels were asked in {groups} groups: they do not fit at once."
        )
    return lines


def table(rows: list[Sequence[str]], markdown: bool) -> str:
    """Draw rows, the first of them the head; the first column holds words."""
    clean = escaping.markdown if markdown else printable
    rows = [[clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    cells = [
        [
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
    if markdown:
        rule = [
            "-" * width if not place else "-" * (width - 1) + ":"
            for place, width in enumerate(widths)
        ]
        lines = [cells[0], rule, *cells[1:]]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
    lines = [cells[0], ["─" * width for width in widths], *cells[1:]]
    return "\n".join("  ".join(line).rstrip() for line in lines) + "\n"


@dataclass(frozen=True)
class Section:
    """A titled table; columns named in `right` are numbers; `bad` rows are coloured."""

    title: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    right: Sequence[str] = ()
    bad: Sequence[int] = ()


def print_sections(sections: Sequence[Section]) -> None:
    """Print sections as tables to stdout."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    screen = console()
    for section in sections:
        screen.print(f"[bold]{escape(printable(section.title))}[/bold]")
        if section.rows:
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
            for name in section.columns:
                table.add_column(
                    escape(printable(name)), justify="right" if name in section.right else "left"
                )
            for number, row in enumerate(section.rows):
                style = "red" if number in section.bad else None
                table.add_row(*(escape(printable(cell)) for cell in row), style=style)
            screen.print(table)
        for line in section.notes:
            screen.print(printable(line), markup=False)
        screen.print()


def markdown_of(sections: Sequence[Section]) -> str:
    """Return sections as Markdown."""
    parts = []
    for section in sections:
        parts.append(f"## {markdown(section.title)}\n")
        if section.rows:
            rules = ["---:" if name in section.right else "---" for name in section.columns]
            rows = [section.columns, *section.rows]
            parts.append(markdown_table(rows, rules) + "\n")
        if section.notes:
            parts.append("".join(f"- {markdown(line)}\n" for line in section.notes))
    return "\n".join(parts)
