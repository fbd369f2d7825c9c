"""Write what docs/findings.md says of real weights: each question on small models and on real ones.

    python benchmarks/real/beside.py

Both sides come from committed results: benchmarks/results/head_reuse and benchmarks/results/real.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from page import (
    KINDS,
    SIZES,
    Results,
    difference,
    read_paired,
    read_results,
    score_of,
    seeds_of,
    shown,
    table_of,
)

from encswap.experiment.statistics import mean_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "findings.md"
SMALL = Path(__file__).resolve().parents[1] / "results" / "head_reuse" / "whole.json"
SMALL_CENTRE = {
    "encoder": "same-class",
    "strategy": "surgical",
    "embeddings": "transplant",
    "splitter": "kiwi",
    "alignment": "none",
    "freeze_encoder_steps": 0,
    "head_lr": 1e-3,
    "size": 200,
}
NOT_RUN = "not run"
CHOSEN = ("tuned", "mean", "ends", "case", "running", "distill", "taught")
"""The kinds of cells that a recommendation chooses from: swaps at the rates of `real`."""


@dataclass(frozen=True)
class Question:
    """A difference of two recipes: what changes on small models, and the two cells on real ones."""

    asked: str
    small: Mapping[str, Any] | None
    """Settings of the first, and with `less` of the second, around the small centre."""
    first: str
    second: str


QUESTIONS = (
    Question(
        "kept heads, less new ones",
        {"less": {"strategy": "fresh-heads"}},
        "tuned",
        "fresh",
    ),
    Question("LoRA, less full training", {"strategy": "lora"}, "lora", "tuned"),
    Question("gliner2's words, less Kiwi's", {"splitter": "whitespace"}, "words", "tuned"),
    Question(
        "the base teaches the encoder first, less no teaching",
        {"alignment": "phase"},
        "distill",
        "tuned",
    ),
    Question("swap, less none with the same words", None, "tuned", "keep"),
    Question("mean of subtokens, less the first", None, "mean", "tuned"),
    Question("rates of `real`, less the plan's", None, "tuned", "plan"),
    Question("swap with the mean, less a plain tagger", None, "mean", "tagger"),
    Question("mean, the same on the second set", None, "ncbi-mean", "ncbi-tuned"),
    Question("rates of `real`, the same on the second set", None, "ncbi-tuned", "ncbi-plan"),
)


def small_scores(cells: Sequence[Mapping[str, Any]], **changes: Any) -> dict[int, float]:
    """F1 by seed of the small condition that differs from the centre by `changes`."""
    wanted = {**SMALL_CENTRE, **changes}
    return {
        one["settings"]["seed"]: one["f1"]
        for one in cells
        if one["f1"] is not None
        and all(one["settings"].get(key) == value for key, value in wanted.items())
    }


def on_small(question: Question, cells: Sequence[Mapping[str, Any]]) -> str:
    """The mean difference over seeds, with its 95% interval."""
    if question.small is None:
        return NOT_RUN
    changes = {key: value for key, value in question.small.items() if key != "less"}
    first = small_scores(cells, **changes)
    second = small_scores(cells, **question.small.get("less", {}))
    gaps = [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
    if len(gaps) < 2:
        return NOT_RUN
    found = mean_of(gaps)
    return f"{found.mean:+.3f} ({found.low:+.3f} … {found.high:+.3f}, {found.n} seeds)"


def on_real(
    question: Question,
    results: Results,
    size: int,
    pairs: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The difference over the same sentences; where it was not taken, that of the cells' means.

    Then it says whether their intervals or seeds overlap.
    """
    names = [f"{name}-{size}" for name in (question.first, question.second)]
    if known := difference(pairs, *names):
        return known
    pair = [seeds_of(results, f"{name}-{size}") for name in (question.first, question.second)]
    scored = [[score_of(one) for one in found if "test" in one] for found in pair]
    if not all(scored):
        return NOT_RUN
    gap = fmean(one[0] for one in scored[0]) - fmean(one[0] for one in scored[1])
    ends = [_ends(found) for found in scored]
    apart = ends[0][0] > ends[1][1] or ends[1][0] > ends[0][1]
    return f"{gap:+.3f}, {'apart' if apart else 'overlap'}"


def _ends(found: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Of one seed its bootstrap interval, of several their range."""
    if len(found) == 1:
        return found[0][1], found[0][2]
    values = [score for score, *_ in found]
    return min(values), max(values)


def beside(results: Results, cells: Sequence[Mapping[str, Any]]) -> str:
    """A line a question."""
    sizes, pairs = (200, 1000), read_paired()
    rows = [
        [
            one.asked,
            on_small(one, cells),
            *(on_real(one, results, size, pairs) for size in sizes),
        ]
        for one in QUESTIONS
    ]
    head = ["F1 of", "small models, 200 documents", *(f"real, {one:,} sentences" for one in sizes)]
    return table_of(head, rows)


def recommended(results: Results, cells: Sequence[Mapping[str, Any]]) -> str:
    """The best that was run at each size, beside the tagger and the plan's rates."""
    del cells
    rows = []
    for size in SIZES:
        known = {name: seeds_of(results, f"{name}-{size}") for name in CHOSEN}
        scored = {
            name: fmean(score_of(one)[0] for one in found)
            for name, found in known.items()
            if found and all("test" in one for one in found)
        }
        if scored:
            best = max(scored, key=lambda name: scored[name])
            settings = known[best][0].get("settings", {})
            pooled = settings.get("token_pooling", "first")
            own = [] if pooled == "mean" else [f"`token_pooling: {pooled}`"]
            own += [f"`{key}: {str(settings[key]).lower()}`" for key in NAMED if key in settings]
            told = ", ".join(["recipe `real`", *own])
            others = [shown(results, f"{one}-{size}") for one in ("tagger", "plan")]
            rows.append([f"{size:,}", told, shown(results, f"{best}-{size}"), *others])
    head = ["sentences", "the best swap that was run", "F1", KINDS["tagger"], KINDS["plan"]]
    return table_of(head, rows)


NAMED = ("special_ends", "keep_case", "running_text", "alignment")
BLOCKS = {"beside": beside, "recommended": recommended}


def written(page: str, results: Results) -> str:
    """The page with both blocks filled in; raises `ValueError` for a block that it lacks."""
    cells = json.loads(SMALL.read_text(encoding="utf-8"))["cells"]
    for name, block in BLOCKS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"{PAGE}: no block {name}")
        new = f"\n{block(results, cells)}\n\n"
        page = pattern.sub(lambda found, new=new: found[1] + new + found[2], page)
    return page


def main() -> None:
    """Write the page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), read_results()), encoding="utf-8")


if __name__ == "__main__":
    main()
