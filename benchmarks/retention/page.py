"""Write the tables of retention in docs/tasks.md from the committed results.

    python benchmarks/retention/page.py

What stands between the markers of the page is printed here; nothing there is typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from encswap.experiment.statistics import Paired, holm, mean_of, paired

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tasks.md"
RESULTS = Path(__file__).resolve().parents[1] / "results" / "retention"
ABILITIES = ("entities", "classifications", "relations", "structures")
MODELS = {
    "base": "the base",
    "untaught": "swapped, nothing else",
    "swapped": "swapped, taught by the base",
}
WAYS = {
    "plain": "tuned plainly",
    "replay": "with `replay`",
    "distill": "with `distill_start`, on the medical texts",
    "distill-texts": "with `distill_start`, on texts of the kept kind",
    "layer-decay": "with `layer_decay`",
    "average": "with `average_with_start`",
    "labels-sampled": "with `labels_per_document`",
    "labels-sampled-renamed": "with `labels_per_document` and `synthetic_labels`",
}
LEVEL = 0.05
Results = Mapping[str, Any]


def read(name: str) -> dict[str, Any]:
    """Read committed results."""
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def by_seed(results: Results, way: str, value: Callable[[Any], float]) -> dict[int, float]:
    """A value of each cell of a way that has a score, by seed."""
    return {
        cell["seed"]: value(cell)
        for cell in results["cells"].values()
        if cell["way"] == way and "failure" not in cell
    }


def kept_mean(cell: Results) -> float:
    """The mean of the four abilities."""
    return sum(cell["kept"][one] for one in ABILITIES) / len(ABILITIES)


def ways_of(results: Results) -> list[str]:
    """The ways that were run, in the page's order."""
    return [way for way in WAYS if by_seed(results, way, lambda _: 0.0)]


def table(results: Results) -> str:
    """Means over seeds: what was tuned, and each ability that was to be kept."""
    rows = [["model", "tuned labels, F1", *ABILITIES, "mean of the four"]]
    for name, told in MODELS.items():
        scores = results["models"][name]
        cells = [f"{scores[one]:.3f}" for one in ABILITIES]
        mean = sum(scores[one] for one in ABILITIES) / len(ABILITIES)
        rows.append([told, "", *cells, f"{mean:.3f}"])
    for way in ways_of(results):
        parts: list[Callable[[Any], float]] = [lambda cell: cell["f1"]]
        parts += [lambda cell, one=one: cell["kept"][one] for one in ABILITIES]
        columns = [by_seed(results, way, part) for part in (*parts, kept_mean)]
        rows.append([WAYS[way], *(_mean(one) for one in columns)])
    return _table(rows)


def effects(results: Results, measures: Mapping[str, Callable[[Any], float]]) -> str:
    """Each way less plain tuning with the same seed, p adjusted over the whole table."""
    found: list[tuple[str, str, Paired]] = []
    for name, value in measures.items():
        plain = by_seed(results, "plain", value)
        for way in ways_of(results):
            own = by_seed(results, way, value)
            both = sorted(own.keys() & plain.keys())
            if way != "plain" and both:
                found.append((way, name, paired([own[one] - plain[one] for one in both])))
    adjusted = holm([1.0 if one.p is None else one.p for *_, one in found])
    rows = [
        ["way, less plain tuning", "of", "seeds", "difference", "95% interval", "p adjusted", ""]
    ]
    for (way, name, one), p in zip(found, adjusted, strict=True):
        told = "not shown" if p >= LEVEL else "higher" if one.mean > 0 else "lower"
        between = "" if one.low is None else f"{one.low:+.3f} … {one.high:+.3f}"
        rows.append([WAYS[way], name, str(one.n), f"{one.mean:+.3f}", between, f"{p:.3g}", told])
    return _table(rows)


def keeping() -> str:
    """The whole block of the ways of keeping."""
    results = read("keeping")
    measures = {"tuned labels": lambda cell: cell["f1"], "kept, mean of the four": kept_mean}
    measures["kept entities"] = lambda cell: cell["kept"]["entities"]
    return f"{table(results)}\n\n{effects(results, measures)}"


def held_out() -> str:
    """The block of labels that training never shows."""
    results = read("held-out")
    rows = [["tuned", "held-out labels, F1", "labels that are tuned, F1"]]
    for way in ways_of(results):
        found = by_seed(results, way, lambda cell: cell["held_out"])
        rows.append([WAYS[way], _mean(found), _mean(by_seed(results, way, lambda c: c["f1"]))])
    measures = {
        "held-out labels": lambda cell: cell["held_out"],
        "labels that are tuned": lambda cell: cell["f1"],
    }
    return f"{_table(rows)}\n\n{effects(results, measures)}"


def real() -> str:
    """The block of real weights: one seed, intervals over documents."""
    results = read("real")
    sets = list(results["models"]["base"]["kept"])
    rows = [["model", "Korean, tuned", *(f"English {name}, kept" for name in sets)]]
    for name, told in {**MODELS, **WAYS}.items():
        one = results["models"].get(name)
        if one is not None:
            test = _score(one["test"]) if "f1" in one.get("test", {}) else ""
            rows.append([told, test, *(_score(one["kept"][each]) for each in sets)])
    return _table(rows)


BLOCKS: Mapping[str, Callable[[], str]] = {
    "keeping": keeping,
    "held-out": held_out,
    "kept-real": real,
}


def written(page: str) -> str:
    """The page with every block as the results have it."""
    for name, block in BLOCKS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"{PAGE}: no block {name}")
        new = f"\n{block()}\n\n"
        page = pattern.sub(lambda found, new=new: found[1] + new + found[2], page)
    return page


def _mean(values: Mapping[int, float]) -> str:
    one = mean_of(list(values.values()))
    if one.low is None or one.high is None:
        return f"{one.mean:.3f}"
    return f"{one.mean:.3f} ({max(one.low, 0):.3f}–{min(one.high, 1):.3f})"


def _score(one: Results) -> str:
    return "{:.3f} ({:.3f}–{:.3f})".format(one["f1"], *one["interval"])


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rest])


def main() -> None:
    """Write the page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
