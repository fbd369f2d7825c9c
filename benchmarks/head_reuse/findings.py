"""Write the tables of docs/findings.md and its figure from the committed results.

    python benchmarks/head_reuse/findings.py

What stands between the markers of the page is printed here; nothing there is typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import yaml
from effects import CENTRE, Effect, Scores, effects, family, less, overall, scores
from rule import Case, Rule, fit, held_out, mean_regret

from encswap.experiment.results import draw
from encswap.experiment.statistics import mean_of

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
PAGE, FIGURE = DOCS / "findings.md", DOCS / "images" / "head-reuse.svg"
RESULTS = HERE.parent / "results" / "head_reuse"
STRATEGIES = ("surgical", "fresh-heads", "lora", "scratch")
CHOICES = ("surgical", "fresh-heads")
"""The strategies that were run in every condition; a rule chooses between them."""
ALL = "all sizes"
TOLD = {"freeze_encoder_steps": "{} updates", "head_lr": "rate {:g}"}
Rows = list[list[str]]


def read(name: str) -> Any:
    """Read committed results."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


class Grid:
    """The committed cells, and what is known of the encoders that they swap in."""

    def __init__(self) -> None:
        self.results = read("whole")
        self.cells = self.results["cells"]
        self.world = read("world")
        plan = yaml.safe_load((HERE / "whole.yaml").read_text(encoding="utf-8"))
        self.folders = {name: Path(path).name for name, path in plan["encoders"].items()}
        self.encoders = [name for name in self.folders if self.of(name)]
        self.documents = max(plan["sizes"])

    def of(self, encoder: str, **wanted: Any) -> Scores:
        """F1 by size and seed; wanted says what differs from the centre."""
        return scores(self.cells, encoder=encoder, **wanted)

    def kept(self, encoder: str) -> Scores:
        """What kept heads add to new ones."""
        return less(self.of(encoder), self.of(encoder, strategy="fresh-heads"))

    def cases(self, strategies: Sequence[str]) -> list[Case]:
        """Every condition of the centre in which these strategies were run, as cases for a rule."""
        found = []
        for encoder in self.encoders:
            known = self.world[self.folders[encoder]]
            by = {name: _means(self.of(encoder, strategy=name)) for name in strategies}
            same = self.folders[encoder].startswith("deberta")
            for size in by["surgical"]:
                f1 = {name: means[size] for name, means in by.items() if size in means}
                if len(f1) == len(strategies):
                    found.append(Case(encoder, same, known["cka"], size, f1))
        return found


def runs(grid: Grid) -> str:
    """How many runs there are."""
    failed = sum(one["failure"] is not None for one in grid.cells)
    ran = sum(one.get("f1") is not None for one in grid.cells)
    return f"{ran} runs have a score, {failed} failed."


def world(grid: Grid) -> str:
    """The encoders: how well they have read, how alike they are to the base's."""
    base = grid.world["base"]
    rows = [["encoder", "class", "language loss", "likeness (CKA)", "variance explained"]]
    rows.append(["the base's", "deberta", f"{base['mlm_loss']:.2f}", "", ""])
    for encoder in grid.encoders:
        known = grid.world[grid.folders[encoder]]
        told = f"{known['mlm_loss']:.2f}", f"{known['cka']:.3f}", f"{known['explained']:.1%}"
        rows.append([f"`{encoder}`", grid.folders[encoder].removesuffix("-brief"), *told])
    return f"F1 of the base on English test documents: {base['test_f1']:.3f}.\n\n{_table(rows)}"


def means(grid: Grid) -> str:
    """Mean F1 with its interval, by encoder, strategy and size."""
    sizes = sorted({size for encoder in grid.encoders for size, _ in grid.of(encoder)})
    rows = [["encoder", "strategy", *(f"{size} documents" for size in sizes)]]
    for encoder in grid.encoders:
        for strategy in STRATEGIES:
            known = grid.of(encoder, strategy=strategy)
            if known:
                rows.append([f"`{encoder}`", strategy, *(_mean(known, size) for size in sizes)])
    return _table(rows)


def kept(grid: Grid) -> str:
    """Kept heads less new ones, every encoder."""
    found = _compared(grid, {"strategy": "fresh-heads"}, {}, "kept less new heads")
    said = [f"- {_said(found, encoder)}" for encoder in grid.encoders]
    return "\n".join(said) + "\n\n" + _effects(found)


def apart(grid: Grid) -> str:
    """The gain of kept heads, less that of the first encoder."""
    first, *rest = grid.encoders
    found = [
        one
        for encoder in rest
        for one in _each(
            encoder, f"gain less that of {first}", grid.kept(first), grid.kept(encoder)
        )
    ]
    return _effects(_adjusted(found))


def lora(grid: Grid) -> str:
    """LoRA less full training of the same swap; and less new heads."""
    changes = [({}, "LoRA less surgical"), ({"strategy": "fresh-heads"}, "LoRA less new heads")]
    parts = [_compared(grid, one, {"strategy": "lora"}, told) for one, told in changes]
    return "\n\n".join(_effects(part) for part in parts)


def rates(grid: Grid) -> str:
    """LoRA at higher rates, less LoRA at the heads' rate; and less full training."""
    changes = [{"strategy": "lora", "head_lr": one} for one in (3e-3, 1e-2)]
    whole = [
        one
        for change in changes
        for one in _compared(grid, {}, change, f"LoRA at {change['head_lr']:g} less surgical")
    ]
    return f"{_changes(grid, changes)}\n\n{_effects(_adjusted(whole))}"


def few(grid: Grid) -> str:
    """All documents: new heads next to kept ones."""
    columns = {"new heads": "fresh-heads", "kept heads": "surgical", "all new": "scratch"}
    rows = [["encoder", *columns]]
    for encoder in grid.encoders:
        known = [grid.of(encoder, strategy=name) for name in columns.values()]
        if any(told := [_mean(one, grid.documents) for one in known]):
            rows.append([f"`{encoder}`", *told])
    return _table(rows)


def alignment(grid: Grid) -> str:
    """Maps and a phase between encoder and kept heads."""
    return _changes(grid, [{"alignment": one} for one in ("ridge", "procrustes", "phase")])


def markers(grid: Grid) -> str:
    """Other starts of the marker rows than a transplant."""
    return _changes(grid, [{"embeddings": one} for one in ("mean", "random")])


def warm_up(grid: Grid) -> str:
    """The encoder held for the first 40 updates."""
    strategies = ("surgical", "fresh-heads")
    return _changes(grid, [{"strategy": one, "freeze_encoder_steps": 40} for one in strategies])


def words(grid: Grid) -> str:
    """Default words instead of Kiwi's."""
    strategies = ("surgical", "fresh-heads")
    return _changes(grid, [{"strategy": one, "splitter": "whitespace"} for one in strategies])


def rule(grid: Grid) -> str:
    """The rule that loses least, and what it loses."""
    cases = grid.cases(CHOICES)
    best = fit(cases)
    told = []
    for name in STRATEGIES:
        if name not in CHOICES:
            seen = grid.cases((*CHOICES, name))
            won = sum(case.regret(name) == 0 for case in seen)
            told.append(f"{name} was the best in {won} of the {len(seen)} conditions it was run in")
    return (
        f"> **{best}**\n\nOn the {len(cases)} conditions that chose it, it loses "
        f"{mean_regret(best, cases):.3f} of F1 on average. It chooses between kept and new heads: "
        f"{', '.join(told)}."
    )


def regret(grid: Grid) -> str:
    """The same, chosen without what judges it; and of one strategy always."""
    cases = grid.cases(CHOICES)
    rows = [["left out", "rule chosen without it", "mean regret", "worst"]]
    for by in ("encoder", "documents"):
        rows += _held(cases, by)
    always = [["strategy", "mean regret", "worst"]]
    for name in CHOICES:
        same = mean_regret(Rule("any", 0.0, 0.0, name, name), cases)
        always.append([name, f"{same:.3f}", f"{max(case.regret(name) for case in cases):.3f}"])
    told = "One strategy always, on all of these conditions:"
    return f"{_table(rows)}\n\n{told}\n\n{_table(always)}"


BLOCKS: Mapping[str, Callable[[Grid], str]] = {
    "runs": runs,
    "world": world,
    "means": means,
    "kept": kept,
    "apart": apart,
    "lora": lora,
    "rates": rates,
    "few": few,
    "alignment": alignment,
    "markers": markers,
    "warm-up": warm_up,
    "words": words,
    "rule": rule,
    "regret": regret,
}


def written(page: str, grid: Grid) -> str:
    """The page with every block as the results have it."""
    for name, block in BLOCKS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"{PAGE}: no block {name}")
        new = f"\n{block(grid)}\n\n"
        page = pattern.sub(lambda found, new=new: found[1] + new + found[2], page)
    return page


def figure(grid: Grid) -> str:
    """F1 against training size, a line per strategy, a panel per encoder."""
    centre = {key: value for key, value in CENTRE.items() if key != "strategy"}
    shown = [
        one
        for one in grid.results["conditions"]
        if all(one["settings"].get(key, value) == value for key, value in centre.items())
    ]
    return draw(shown, grid.documents)


def _means(known: Scores) -> dict[int, float]:
    sizes = sorted({size for size, _ in known})
    return {size: fmean(f1 for (n, _), f1 in known.items() if n == size) for size in sizes}


def _held(cases: Sequence[Case], by: Literal["encoder", "documents"]) -> Iterator[list[str]]:
    for one in held_out(cases, by):
        name = f"`{one.value}`" if by == "encoder" else f"{one.value} documents"
        yield [name, str(one.rule), f"{fmean(one.regrets):.3f}", f"{max(one.regrets):.3f}"]


def _each(where: str, change: str, before: Scores, after: Scores) -> list[Effect]:
    """An effect at each size and over all; nothing where no pair is known."""
    found = list(effects(where, change, before, after))
    return [*found, overall(where, change, before, after)] if len(found) > 1 else found


def _compared(
    grid: Grid, before: Mapping[str, Any], after: Mapping[str, Any], told: str
) -> list[Effect]:
    """One change in every encoder, as one family."""
    return _adjusted(
        [
            one
            for encoder in grid.encoders
            for one in _each(encoder, told, grid.of(encoder, **before), grid.of(encoder, **after))
        ]
    )


def _adjusted(found: Sequence[Effect]) -> list[Effect]:
    """Adjust p for all sizes and encoders of a table; effects over all sizes among themselves."""
    single = iter(family([one for one in found if one.size != ALL]))
    whole = iter(family([one for one in found if one.size == ALL]))
    return [next(whole if one.size == ALL else single) for one in found]


def _changes(grid: Grid, changes: Sequence[Mapping[str, Any]]) -> str:
    """Changes of one setting of the centre, or of a strategy's, as one family."""
    found = []
    for encoder in grid.encoders:
        for change in changes:
            own = {key: value for key, value in change.items() if key == "strategy"}
            told = ", ".join(TOLD.get(key, "{}").format(value) for key, value in change.items())
            found += _each(encoder, told, grid.of(encoder, **own), grid.of(encoder, **change))
    return _effects(_adjusted(found))


def _said(found: Sequence[Effect], where: str) -> str:
    """Say at which sizes a gain or a loss is shown."""
    own = [one for one in found if one.where == where]
    by_sign = {
        sign: [str(one.size) for one in own if one.size != ALL and one.direction == sign]
        for sign in (1, -1, 0)
    }
    words = {1: "a gain at", -1: "a loss at", 0: "nothing shown at"}
    parts = [f"{words[sign]} {', '.join(sizes)}" for sign, sizes in by_sign.items() if sizes]
    whole = [f"{one.difference.mean:+.3f} ({_interval(one)})" for one in own if one.size == ALL]
    over = f"; over {ALL} {whole[0]}" if whole else ""
    return f"`{where}`: {'; '.join(parts)} documents{over}."


def _interval(one: Effect) -> str:
    if one.difference.low is None or one.difference.high is None:
        return "one seed"
    return f"{one.difference.low:+.3f} … {one.difference.high:+.3f}"


def _effects(found: Sequence[Effect]) -> str:
    if not found:
        return "Not run."
    rows = [["encoder", "change", "documents", "seeds", "F1", "95% interval", "p adjusted", ""]]
    for one in found:
        told = {1: "higher", -1: "lower", 0: "not shown"}[one.direction]
        p = "" if one.p is None else f"{one.p:.3g}"
        mean = f"{one.difference.mean:+.3f}"
        seeds = str(one.difference.n)
        row = [f"`{one.where}`", one.change, str(one.size), seeds, mean, _interval(one), p, told]
        rows.append(row)
    return _table(rows)


def _mean(known: Scores, size: int) -> str:
    values = [f1 for (n, _), f1 in known.items() if n == size]
    if not values:
        return ""
    one = mean_of(values)
    if one.low is None or one.high is None:
        return f"{one.mean:.3f}"
    return f"{one.mean:.3f} ({max(one.low, 0):.3f}–{min(one.high, 1):.3f})"


def _table(rows: Rows) -> str:
    head, *rest = rows
    lines = [head, ["---"] * len(head), *rest]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def main() -> None:
    """Write both files."""
    grid = Grid()
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), grid), encoding="utf-8")
    FIGURE.write_text(figure(grid), encoding="utf-8")


if __name__ == "__main__":
    main()
