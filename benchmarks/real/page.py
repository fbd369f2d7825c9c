"""Write the tables of docs/real.md from the committed results.

    python benchmarks/real/page.py

What stands between the markers of the page is printed here; nothing there is typed. A cell that has
not been run is left out of its table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "real.md"
RESULTS = Path(__file__).resolve().parents[1] / "results" / "real"
PAIRS = RESULTS.with_name("real-paired.json")
SIZES = (200, 1000, 4000)
KINDS = {
    "mean": "swap, recipe `real`",
    "tuned": "swap, recipe `real` with the first subtoken",
    "plan": "swap, the plan's rates",
    "keep": "no swap, the rates of `real`",
    "tagger": "plain tagger on the same encoder",
}
CHANGES = {
    "tuned": "the rates of recipe `real`, a unit's first subtoken",
    "fresh": "new heads in place of the base's",
    "mean": "mean of a unit's subtokens: recipe `real`",
    "ends": "mean, and the encoder's own tokens around the input (`special_ends`)",
    "case": "mean, and case kept (`keep_case`)",
    "running": "mean, and pieces as in running text (`running_text`)",
    "taught": "mean, and the base teaches the encoder on English first, 1,600 updates",
    "lora": "LoRA in place of full training",
    "words": "gliner2's own words in place of Kiwi's",
    "tags": "labels as KLUE's tags (PS, LC, …) in place of words",
    "distill": "the base teaches the encoder on English first",
    "plan": "the plan's rates, batch and renamed labels",
}
PAIRED = {
    ("mean", "tuned"): "the mean of a unit's subtokens, less the first",
    ("tuned", "plan"): "the rates of `real`, less the plan's",
    ("tuned", "keep"): "the swap, less none with the same words",
    ("tuned", "fresh"): "kept heads, less new ones",
    ("distill", "tuned"): "the base teaches the encoder first, less no teaching",
    ("taught", "mean"): "the same for 1,600 updates, with the mean",
    ("ends", "mean"): "`special_ends`, less without",
    ("case", "mean"): "`keep_case`, less without",
    ("running", "mean"): "`running_text`, less without",
    ("tags", "tuned"): "labels as tags, less in words",
    ("lora", "tuned"): "LoRA, less full training",
    ("words", "tuned"): "gliner2's words, less Kiwi's",
}
"""What is asked of two cells: their kinds, and how the difference is called."""
SECOND = "ncbi-"
"""Begins the names of the cells of the second set."""
Results = Mapping[str, Mapping[str, Any]]
Rows = Sequence[Sequence[str]]


def read_results(folder: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """Every committed result, by name."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return {one["name"]: one for one in found}


def score_of(result: Mapping[str, Any]) -> tuple[float, float, float]:
    """F1 on test with the ends of its interval, of a run or of the tagger."""
    test = result["test"]
    if "micro" in test:
        low, high = test["micro"]["interval"]
        return test["micro"]["f1"], low, high
    return test["f1"], test["low"], test["high"]


def by_label(result: Mapping[str, Any]) -> dict[str, float]:
    """F1 of each label on test."""
    labels = result["test"]["per_label"]
    return {name: one["f1"] if isinstance(one, Mapping) else one for name, one in labels.items()}


def seeds_of(results: Results, name: str) -> list[Mapping[str, Any]]:
    """The results of a cell by seed: `name`, and `name-s43` and the like."""
    return [one for key, one in results.items() if re.fullmatch(rf"{name}(-s\d+)?", key)]


def shown(results: Results, name: str) -> str:
    """A cell's score: over several seeds their mean and range, else with the bootstrap interval.

    Empty where it has not been run, its error where it failed.
    """
    found = seeds_of(results, name)
    for one in found:
        if "test" not in one:
            return f"failed: {one.get('failure', {}).get('error', 'no score')[:60]}"
    if len(found) > 1:
        values = [score_of(one)[0] for one in found]
        return f"{fmean(values):.3f} ({min(values):.3f}–{max(values):.3f}, {len(values)} seeds)"
    return "{:.3f} ({:.3f}–{:.3f})".format(*score_of(found[0])) if found else ""


def scores(results: Results) -> str:
    """Ours, the plan's rates, no swap and the tagger, by training sentences."""
    sizes = [size for size in SIZES if any(f"{kind}-{size}" in results for kind in KINDS)]
    if not sizes:
        return table_of([], [])
    rows = [
        [told, *(shown(results, f"{kind}-{size}") for size in sizes)]
        for kind, told in KINDS.items()
        if any(f"{kind}-{size}" in results for size in sizes)
    ]
    table = table_of(["", *(f"{size:,} sentences" for size in sizes)], rows)
    return "\n\n".join([table, *verdicts(results, sizes)])


def second(results: Results) -> str:
    """The same of the second set."""
    own = {
        name.removeprefix(SECOND): one for name, one in results.items() if name.startswith(SECOND)
    }
    return scores(own)


def verdicts(results: Results, sizes: Iterable[int]) -> Iterable[str]:
    """Say of each size and way of pooling whether the swap or the tagger is shown to be ahead."""
    for size in sizes:
        for kind, told in (("tuned", "First subtoken"), ("mean", "Mean of subtokens")):
            ours, other = (seeds_of(results, f"{name}-{size}") for name in (kind, "tagger"))
            if ours and other and all("test" in one for one in ours):
                yield f"{told}, {size:,} sentences: {verdict(ours, other)}"


def verdict(ours: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> str:
    """Compare by seeds where both have three or more, else by the intervals of the first."""
    mine, theirs = ([score_of(one) for one in found] for found in (ours, other))
    if min(len(mine), len(theirs)) >= 3:
        (low, high), (least, most) = (
            (min(score for score, *_ in found), max(score for score, *_ in found))
            for found in (mine, theirs)
        )
        unsure = ", and the seeds of the two overlap: it is not decided."
    else:
        (_, low, high), (_, least, most) = mine[0], theirs[0]
        unsure = ", and the intervals overlap: one seed does not decide it."
    gap = fmean(score for score, *_ in mine) - fmean(score for score, *_ in theirs)
    ahead = "the swap is" if gap > 0 else "the tagger is"
    return f"{ahead} ahead by {abs(gap):.3f}" + ("." if low > most or least > high else unsure)


def labels(results: Results) -> str:
    """F1 by label of the first seed, the swap by both ways of pooling beside the tagger."""
    columns = {
        f"{told}, {size:,}": by_label(one)
        for size in SIZES
        for kind, told in (("tuned", "first subtoken"), ("mean", "mean"), ("tagger", "tagger"))
        if "test" in (one := results.get(f"{kind}-{size}", {}))
    }
    names = sorted({name for column in columns.values() for name in column})
    rows = [[name, *(f"{one.get(name, 0.0):.3f}" for one in columns.values())] for name in names]
    return table_of(["label", *columns], rows)


def changes(results: Results) -> str:
    """One change at a time around the recipe."""
    sizes = [size for size in SIZES if sum(f"{kind}-{size}" in results for kind in CHANGES) > 1]
    rows: Rows = [
        [told, *(shown(results, f"{kind}-{size}") for size in sizes)]
        for kind, told in CHANGES.items()
        if any(f"{kind}-{size}" in results for size in sizes)
    ]
    return table_of(["change", *(f"{size:,} sentences" for size in sizes)], rows)


def read_paired() -> list[dict[str, Any]]:
    """Differences of two cells over the same sentences, as `paired.py` wrote them."""
    found: list[dict[str, Any]] = json.loads(PAIRS.read_text(encoding="utf-8"))
    return found


def difference(pairs: Sequence[Mapping[str, Any]], first: str, second: str) -> str:
    """The difference of two cells: of one seed with its interval, of several mean and range."""
    found = [
        one
        for one in pairs
        if re.fullmatch(rf"{first}(-s\d+)?", one["first"])
        and one["second"] == one["first"].replace(first, second, 1)
    ]
    if not found:
        return ""
    values = [one["difference"] for one in found]
    if len(values) > 1:
        return (
            f"{fmean(values):+.3f} ({min(values):+.3f} … {max(values):+.3f}, {len(values)} seeds)"
        )
    return "{:+.3f} ({:+.3f} … {:+.3f})".format(values[0], *found[0]["interval"])


def paired(results: Results) -> str:
    """Each question's difference, on both sets."""
    del results
    pairs = read_paired()
    columns = [(group, size) for group in ("", SECOND) for size in (200, 1000)]
    rows = []
    for (first, second), told in PAIRED.items():
        values = [
            difference(pairs, f"{group}{first}-{size}", f"{group}{second}-{size}")
            for group, size in columns
        ]
        rows.append([told, *values])
    names = [f"{'NCBI' if group else 'KLUE'}, {size:,}" for group, size in columns]
    return table_of(["F1 of", *names], rows)


def zero_shot(results: Results) -> str:
    """F1 on Korean before any Korean label, without and with the base's teaching."""
    taught = [one for one in results if one.startswith(("teach-", "taught-"))]
    cells = ("tuned-200", "distill-200", *taught)
    rows = [
        [
            _taught(results[name]["settings"]),
            "{:.3f} ({:.3f}–{:.3f})".format(before["micro"]["f1"], *before["micro"]["interval"]),
        ]
        for name in cells
        if (before := results.get(name, {}).get("before_training"))
    ]
    return table_of(["encoder", "F1 without a Korean label"], rows)


def _taught(settings: Mapping[str, Any]) -> str:
    """How an encoder was aligned before any label."""
    if settings.get("alignment") != "distill":
        return "as swapped"
    pooled = f", {settings['token_pooling']} of subtokens" if "token_pooling" in settings else ""
    told = f"after {settings['alignment_steps']:,} updates in which the base taught it on English"
    return f"{told}, rate {settings['alignment_lr']:g}{pooled}"


def bases(results: Results) -> str:
    """The English bases on their own test sentences."""
    rows = [
        [
            name.removeprefix("base-"),
            file,
            f"{one['sentences']:,}",
            shown({name: {"test": test}}, name),
        ]
        for name, one in results.items()
        if name.startswith("base-")
        for file, test in one["test"].items()
    ]
    return table_of(["base", "test set", "training sentences, all sets", "F1"], rows)


def seconds(results: Results) -> str:
    """Seconds of a run's epochs: the first, and the median of those that follow."""
    rows = []
    for name, one in results.items():
        took = [epoch["seconds"] for epoch in one.get("epochs") or ()]
        if len(took) > 1 and not name.startswith("base-"):
            first, usual = took[0], median(took[1:])
            rows.append(
                [name, str(len(took)), f"{first:.0f}", f"{usual:.0f}", f"{first / usual:.2f}"]
            )
    return table_of(["run", "epochs", "first", "median of the others", "ratio"], rows)


def table_of(head: Sequence[str], rows: Rows) -> str:
    """A Markdown table; a line that says so where there is no row."""
    if not rows:
        return "No result of these runs is committed yet."
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


BLOCKS = {
    "bases": bases,
    "scores": scores,
    "second": second,
    "labels": labels,
    "changes": changes,
    "paired": paired,
    "zero-shot": zero_shot,
    "seconds": seconds,
}


def written(page: str, results: Results) -> str:
    """The page with each block filled in; raises `ValueError` for a block that it lacks."""
    for name, block in BLOCKS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"{PAGE}: no block {name}")
        new = f"\n{block(results)}\n\n"
        page = pattern.sub(lambda found, new=new: found[1] + new + found[2], page)
    return page


def main() -> None:
    """Write the page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), read_results()), encoding="utf-8")


if __name__ == "__main__":
    main()
