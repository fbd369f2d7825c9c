"""Tables for the terminal and as Markdown: the layout of any, and the tables of scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from encswap.cli.output import console, is_terminal
from encswap.escaping import markdown, markdown_table, printable


def score_tables(metrics: dict[str, Any], *, markdown: bool) -> str:
    """Draw the test scores per label and, where there are any, the baselines."""
    parts = [table(_label_rows(metrics), markdown), *paragraphs(_closing(metrics), markdown)]
    if metrics.get("baselines"):
        parts.insert(1, table(_comparison_rows(metrics), markdown))
    if metrics.get("tasks"):
        parts.insert(1, table(_task_rows(metrics), markdown))
    if metrics.get("retention"):
        parts.append("\n" + retention_table(metrics["retention"], markdown=markdown))
    if metrics.get("rivals"):
        verdicts = paragraphs(_verdicts(metrics["rivals"]), markdown)
        parts += [table(_rival_rows(metrics), markdown), *verdicts]
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
    (sentence,) = paragraphs([found["sentence"]], markdown)
    return f"{table(rows, markdown)}{sentence}\n"


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
    if metrics.get("strategy") == "keep":
        names["base"] = "the base with its own words"
        names["before_training"] = "the base with these words, before training"
    rows: list[Sequence[str]] = [("compared with", "test F1")]
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


def _rival_rows(metrics: dict[str, Any]) -> list[Sequence[str]]:
    """This model and each rival that was trained: F1, its interval, and what it costs."""
    own = {"micro": metrics["test"]["micro"], "cost": metrics["throughput"]}
    trained = {name: one for name, one in metrics["rivals"].items() if "error" not in one}
    rows: list[Sequence[str]] = [
        (
            "rival",
            "F1",
            "95% interval",
            "parameters",
            "training",
            "peak memory",
            "documents a second",
        )
    ]
    for name, one in {"this model": own, **trained}.items():
        rows.append((name, *_shares(one["micro"])[2:], *_costs(one["cost"])))
    return rows


def _costs(cost: dict[str, Any]) -> tuple[str, str, str, str]:
    memory = cost.get("peak_memory_bytes")
    return (
        f"{cost['parameters']:,.0f}",
        f"{cost['training_seconds']:,.0f} s",
        "–" if memory is None else f"{memory / 1e9:.2f} GB",
        f"{cost['documents_per_second']:,.1f}",
    )


def _verdicts(rivals: dict[str, Any]) -> list[str]:
    """Say how the model stands to each rival, what failed, and what a tagger cannot do."""
    lines = []
    for name, one in rivals.items():
        if "error" in one:
            lines.append(f"Rival {name} failed: {one['error']}")
            continue
        lines.append(f"This model: {one['verdict']}. What {name} can still do: {one['can']}.")
    return lines


def _ceiling(metrics: dict[str, Any]) -> str:
    lost = sum(one["overlapping"] for one in (metrics.get("ceiling") or {}).values())
    return f"ceiling of recall: what the units{' and the overlap policy' * bool(lost)} can express"


def _closing(metrics: dict[str, Any]) -> list[str]:
    iob2, strings = metrics["test"]["iob2"], metrics["test"].get("strings")
    pairs = "Distinct (label, string) pairs of each document, as the plan counts its baseline"
    return [
        *_sources(metrics),
        *([f"{pairs}: F1 {strings['f1']:.3f}."] if strings else []),
        f"Strict IOB2 over characters (seqeval): F1 {iob2['f1']:.3f}.",
        *_labels(metrics.get("labels") or {}),
    ]


UNTRAINED = "No epoch was chosen: the model is scored as it is."


def _sources(metrics: dict[str, Any]) -> list[str]:
    """Say where the threshold comes from, and the epoch."""
    both = "test" if metrics["protocol"] == "plan" else "dev"
    threshold = metrics.get("threshold_source", both)
    epoch = metrics.get("epoch_source", both)
    at, places = f"{metrics['threshold']:g}", {"dev": "dev", "test": "test, as the plan does"}
    if threshold == "none":
        chosen = f"The epoch was chosen on {places[epoch]}." if epoch else UNTRAINED
        return [f"There is no threshold: the likeliest tag of each piece counts. {chosen}"]
    if threshold == epoch:
        return [f"Threshold {at} and epoch were chosen on {places[epoch]}."]
    sources = {"given": "was given by hand", "default": "is the default: none was chosen"}
    first = sources.get(threshold) or f"was chosen on {places[threshold]}"
    if epoch is None and metrics.get("strategy", "") in (None, "tagger"):
        return [f"Threshold {at} {first}. {UNTRAINED}"]
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


def table(rows: Sequence[Sequence[str]], markdown: bool) -> str:
    """Draw rows, the first of them the header; all but the first column hold numbers."""
    columns, *rest = rows
    right = columns[1:]
    if markdown:
        return markdown_table(rows, _rules(columns, right)) + "\n"
    drawn = lay_out(columns, rest, right=right, width=table_width())
    return "\n".join([*drawn.header, *(line for row in drawn.rows for line in row)]) + "\n"


def paragraphs(texts: Sequence[str], markdown: bool) -> list[str]:
    """Wrap each text at the terminal's width; Markdown and a pipe have none."""
    if markdown or (width := table_width()) is None:
        return list(texts)
    return ["\n".join(wrap(text, width)) for text in texts]


def _rules(columns: Sequence[str], right: Sequence[str]) -> list[str]:
    return ["---:" if name in right else "---" for name in columns]


@dataclass(frozen=True)
class Section:
    """A titled table; columns named in `right` are numbers; `bad` rows are coloured red."""

    title: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    right: Sequence[str] = ()
    bad: Sequence[int] = ()


def print_sections(sections: Sequence[Section], width: int | None = None) -> None:
    """Print sections as tables to stdout, at most `width` cells wide, by default the terminal's."""
    screen = console()
    width = width or table_width()

    def put(line: str, style: str = "") -> None:
        screen.print(printable(line), style=style, markup=False, soft_wrap=True)

    for section in sections:
        for line in wrap(section.title, width):
            put(line, "bold")
        if section.rows:
            drawn = lay_out(section.columns, section.rows, right=section.right, width=width)
            for line in drawn.header:
                put(line, "bold")
            for number, row in enumerate(drawn.rows):
                for line in row:
                    put(line, "red" if number in section.bad else "")
        for note in section.notes:
            for line in wrap(note, width):
                put(line)
        screen.print()


def markdown_of(sections: Sequence[Section]) -> str:
    """Return sections as Markdown."""
    parts = []
    for section in sections:
        parts.append(f"## {markdown(section.title)}\n")
        if section.rows:
            rows = [section.columns, *section.rows]
            parts.append(markdown_table(rows, _rules(section.columns, section.right)) + "\n")
        if section.notes:
            parts.append("".join(f"- {markdown(line)}\n" for line in section.notes))
    return "\n".join(parts)


# -- layout: lines of plain text; widths are in terminal cells, two for a Hangul syllable -------

GAP = 2
INDENT = 2
NOTHING = "–"


@dataclass(frozen=True)
class Drawn:
    """A table in lines: those of the header with its rule, and those of each row."""

    header: list[str]
    rows: list[list[str]]


def table_width() -> int | None:
    """How many cells wide a table may be: the terminal's width, None where results are piped."""
    return console().width if is_terminal() else None


def lay_out(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    width: int | None = None,
) -> Drawn:
    """Lay a table out in at most `width` cells; None sets no limit. No cell is ever cut.

    Where the columns do not fit side by side, headers and texts wrap at spaces; columns named in
    `right` hold numbers, which never wrap. Where that does not fit either, each row becomes a
    block: its first cell, and under it `name value` pairs. A word wider than `width` stays whole.
    """
    columns = [printable(name) for name in columns]
    right = [printable(name) for name in right]
    rows = [[printable(cell) for cell in row] for row in rows]
    natural = [max(map(_cells, cells)) for cells in zip(columns, *rows, strict=True)]
    if width is None or _total(natural) <= width:
        return _side_by_side(columns, rows, natural, right)
    least = [
        max(
            _longest_word([name]),
            max(map(_cells, cells), default=0) if name in right else _longest_word(cells),
        )
        for name, *cells in zip(columns, *rows, strict=True)
    ]
    if _total(least) <= width:
        return _side_by_side(columns, rows, _widen(least, natural, width), right)
    return Drawn([], [_block(columns, row, right, width) for row in rows])


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _longest_word(texts: Sequence[str]) -> int:
    return max((_cells(word) for text in texts for word in text.split(" ")), default=0)


def _widen(least: Sequence[int], natural: Sequence[int], width: int) -> list[int]:
    """Give the columns what is left of `width`, each time to the one that lacks the most."""
    widths = list(least)
    for _ in range(width - _total(least)):
        lacks = [wanted - has for wanted, has in zip(natural, widths, strict=True)]
        if max(lacks) <= 0:
            break
        widths[lacks.index(max(lacks))] += 1
    return widths


def _side_by_side(
    columns: Sequence[str], rows: Sequence[Sequence[str]], widths: list[int], right: Sequence[str]
) -> Drawn:
    def fitted(text: str, name: str, size: int) -> str:
        blank = " " * (size - _cells(text))
        return blank + text if name in right else text + blank

    def line_of(parts: Sequence[str]) -> str:
        return (" " * GAP).join(map(fitted, parts, columns, widths)).rstrip()

    def lines(cells: Sequence[str]) -> list[str]:
        wrapped = [wrap(cell, size) for cell, size in zip(cells, widths, strict=True)]
        return list(map(line_of, zip_longest(*wrapped, fillvalue="")))

    rule = (" " * GAP).join("─" * size for size in widths)
    return Drawn([*lines(columns), rule], [lines(row) for row in rows])


def _block(
    columns: Sequence[str], row: Sequence[str], right: Sequence[str], width: int
) -> list[str]:
    """Draw one row as its first cell, and below it the others with their names; none for "–"."""
    first, *rest = row
    lines = wrap(f"{columns[0]} {first}" if columns[0] in right else first, width)
    line = ""
    for name, cell in zip(columns[1:], rest, strict=True):
        if cell == NOTHING:
            continue
        pair = f"{name} {cell}"
        if line and INDENT + _cells(line) + 3 + _cells(pair) <= width:
            line = f"{line}   {pair}"
            continue
        lines += _indented(line, width)
        line = pair
    return [*lines, *_indented(line, width)]


def _indented(line: str, width: int) -> list[str]:
    wrapped = wrap(line, width - INDENT) if line else []
    return [" " * INDENT + one for one in wrapped]


def wrap(text: str, width: int | None) -> list[str]:
    """Break a text at spaces into lines of at most `width` cells; a longer word stays whole."""
    if width is None or _cells(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and _cells(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
