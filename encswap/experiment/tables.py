"""Results as tables: means by condition, strategies compared, what failed; and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from encswap.escaping import markdown
from encswap.experiment.results import varying
from encswap.report.markdown import rows_of

Row = Mapping[str, Any]
Table = list[Sequence[str]]


def condition_table(results: Row) -> Table:
    """A row per condition: mean test F1 over seeds, its interval, each label's mean."""
    rows = results["conditions"]
    keys = _keys(rows)
    labels = list(dict.fromkeys(label for one in rows for label in one.get("per_label", {})))
    table: Table = [[*keys, "seeds", "F1", "95% interval", *labels]]
    for one in rows:
        cells = [_said(one["settings"].get(key)) for key in keys]
        count = str(len(one["seeds"])) + (f" ({one['failed']} failed)" if one["failed"] else "")
        scores = one.get("per_label", {})
        means = [f"{scores[label]['mean']:.3f}" if label in scores else "" for label in labels]
        f1 = one.get("f1")
        table.append([*cells, count, f"{f1['mean']:.3f}" if f1 else "", _interval(f1), *means])
    return table


def pair_table(results: Row) -> Table:
    """A row per two strategies: the mean difference of the second to the first."""
    rows = results["pairs"]
    keys = _keys(rows)
    table: Table = [[*keys, "strategies", "seeds", "difference", "95% interval", "p", "p adjusted"]]
    for one in rows:
        p, adjusted = one["p"], one.get("p_adjusted")
        table.append(
            [
                *(_said(one["settings"].get(key)) for key in keys),
                f"{one['first']} → {one['second']}",
                str(one["n"]),
                f"{one['mean']:+.3f}",
                _interval(one, signed=True),
                "" if p is None else f"{p:.3g}",
                "" if adjusted is None else f"{adjusted:.3g}",
            ]
        )
    return table


def failure_table(results: Row) -> Table:
    """A row per cell that failed."""
    failed = [one for one in results["cells"] if one["failure"]]
    return [["cell", "failed with"], *([one["name"], one["failure"]] for one in failed)]


def markdown_of(results: Row) -> str:
    """All tables as Markdown, with what the numbers mean."""
    part = f", part {results['part']}" if results["part"] else ""
    parts = [
        f"# {markdown(results['plan'])}{markdown(part)}",
        f"Written by encswap {results['encswap']}. F1 is of exact spans on the test documents, all "
        "labels together. Intervals are t intervals over seeds: they say how training varies, not "
        "how other test documents would.",
        _markdown(condition_table(results)),
        "![F1 by training documents and strategy](results.svg)",
        "## Strategies compared",
        f"The second less the first; {results['test']}.",
        _markdown(pair_table(results)),
    ]
    if len(failed := failure_table(results)) > 1:
        parts += ["## Failed", _markdown(failed)]
    return "\n\n".join(parts) + "\n"


def _markdown(table: Table) -> str:
    escaped = [[markdown(cell) for cell in row] for row in table]
    return rows_of(escaped[0], escaped[1:])


def _keys(rows: Sequence[Row]) -> list[str]:
    """What tells conditions apart: the encoder always, else what varies."""
    return list(dict.fromkeys(["encoder", *varying(rows)]))


def _said(value: Any) -> str:
    return "" if value is None else str(value)


def _interval(numbers: Row | None, *, signed: bool = False) -> str:
    if numbers is None or numbers["low"] is None:
        return ""
    if signed:
        return f"{numbers['low']:+.3f} … {numbers['high']:+.3f}"
    return f"{numbers['low']:.3f}–{numbers['high']:.3f}"
