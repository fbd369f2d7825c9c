"""Write the rivals' tables of docs/findings.md from the committed results.

    python benchmarks/rivals/findings.py

On mini from `benchmarks/results/rivals.json`, on real weights from whatever stands in
`benchmarks/results/real/`: `tuned-200.json` is seed 42, `tuned-200-s43.json` seed 43.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from encswap.experiment.statistics import Paired, holm, mean_of, paired

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "findings.md"
MINI = ROOT / "benchmarks" / "results" / "rivals.json"
REAL = ROOT / "benchmarks" / "results" / "real"
FIRST_SEED = 42
SWAPS = {"tuned": "swap, recipe `real`", "mean": "swap, mean of a unit's subtokens"}
KINDS = {**SWAPS, "keep": "no swap, recipe `real`", "tagger": "plain tagger"}
RIVALS = {"keep": "no swap", "tagger": "the tagger"}
FILE = re.compile(r"(?P<kind>[a-z]+)-(?P<size>\d+)(?:-s(?P<seed>\d+))?")
Scores = dict[str, dict[int, dict[int, float]]]
"""F1 by what was trained, size and seed."""
Rows = Sequence[Sequence[str]]


def mini_scores(path: Path = MINI) -> Scores:
    """F1 of the swap and of its rivals in every committed cell."""
    found: Scores = {}
    cells = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    for cell in cells:
        size, seed = int(cell["settings"]["size"]), int(cell["settings"]["seed"])
        numbers = {"swap": cell, **cell["rivals"]}
        for name, one in numbers.items():
            if "micro" in one:
                found.setdefault(name, {}).setdefault(size, {})[seed] = one["micro"]["f1"]
    return found


def real_scores(folder: Path = REAL) -> Scores:
    """F1 of every committed run on real weights that has a score."""
    found: Scores = {}
    for path in sorted(folder.glob("*.json")):
        name, one = FILE.fullmatch(path.stem), json.loads(path.read_text(encoding="utf-8"))
        if name is None or name["kind"] not in KINDS or "test" not in one:
            continue
        f1 = one["test"]["micro"]["f1"] if "micro" in one["test"] else one["test"]["f1"]
        seed = int(name["seed"] or FIRST_SEED)
        found.setdefault(name["kind"], {}).setdefault(int(name["size"]), {})[seed] = f1
    return found


def mini(scores: Scores) -> str:
    """Means, paired differences and what they show, on the small world."""
    if not scores:
        return "No cell has been run yet."
    names = {"swap": "swap", "keep": "no swap", "tagger": "plain tagger"}
    return "\n\n".join([means(scores, names), *compared(scores, {"swap": "the swap"})])


def real(scores: Scores) -> str:
    """The same on real weights."""
    return "\n\n".join([means(scores, KINDS), *compared(scores, SWAPS)])


def costs(path: Path = MINI) -> str:
    """What each costs on mini: parameters, and seconds and speed as ratios to the swap's."""
    cells = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    rows = []
    for name, told in (("keep", "no swap"), ("tagger", "plain tagger")):
        own = [(one["throughput"], one["rivals"][name]["cost"]) for one in cells]
        if own:
            rows.append(
                [
                    told,
                    ", ".join(sorted({f"{cost['parameters']:,}" for _, cost in own})),
                    _ratio(own, "training_seconds"),
                    _ratio(own, "documents_per_second"),
                ]
            )
    swap = sorted({f"{one['throughput']['parameters']:,}" for one in cells})
    rows = [["swap", ", ".join(swap), "1", "1"], *rows] if rows else rows
    head = ["", "parameters", "seconds of training, swap = 1", "documents a second, swap = 1"]
    return _table(head, rows)


def _ratio(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], key: str) -> str:
    return f"{mean_of([cost[key] / spent[key] for spent, cost in pairs]).mean:.2f}"


def means(scores: Scores, names: Mapping[str, str]) -> str:
    """Mean F1 by what was trained and by size, with its t interval where there are seeds."""
    sizes = sorted({size for one in scores.values() for size in one})
    rows = [
        [told, *(_mean(scores[name].get(size, {})) for size in sizes)]
        for name, told in names.items()
        if name in scores
    ]
    return _table(["", *(f"{size:,} documents" for size in sizes)], rows)


def _mean(by_seed: Mapping[int, float]) -> str:
    if not by_seed:
        return ""
    one = mean_of(list(by_seed.values()))
    spread = "" if one.low is None else f" ({one.low:.3f}–{one.high:.3f})"
    return f"{one.mean:.3f}{spread}, {one.n} seed{'s' if one.n > 1 else ''}"


def compared(scores: Scores, swaps: Mapping[str, str]) -> Iterator[str]:
    """Each swap less each rival, paired by seed; then a sentence a size of who is ahead."""
    found: list[tuple[str, str, int, Paired]] = []
    for swap in swaps:
        for rival in RIVALS:
            theirs = scores.get(rival, {})
            for size, own in sorted(scores.get(swap, {}).items()):
                seeds = sorted(own.keys() & theirs.get(size, {}).keys())
                if seeds:
                    found.append(
                        (swap, rival, size, paired([own[s] - theirs[size][s] for s in seeds]))
                    )
    tested = [one for *_, one in found if one.p is not None]
    adjusted = dict(zip(map(id, tested), holm([one.p or 0.0 for one in tested]), strict=True))
    rows, said = [], []
    for swap, rival, size, one in found:
        p = adjusted.get(id(one))
        interval = "" if one.low is None else f"{one.low:+.3f} … {one.high:+.3f}"
        rows.append(
            [
                f"{swaps[swap]} less {RIVALS[rival]}",
                f"{size:,}",
                str(one.n),
                f"{one.mean:+.3f}",
                interval,
                "" if p is None else f"{p:.3g}",
            ]
        )
        said.append(f"- {sentence(swaps[swap], RIVALS[rival], size, one, p)}")
    if rows:
        head = ["change", "documents", "seeds", "F1", "95% interval", "p adjusted"]
        yield _table(head, rows)
        yield "\n".join(said)


def sentence(swap: str, rival: str, size: int, one: Paired, p: float | None) -> str:
    """Who is ahead at a size, and whether the seeds show it."""
    ahead = swap if one.mean > 0 else rival
    if p is None:
        shown = "from one seed, which does not decide it"
    elif p < 0.05:
        shown = f"which {one.n} seeds show"
    else:
        shown = f"which {one.n} seeds do not show"
    first = f"{ahead[0].upper()}{ahead[1:]}"
    other = rival if one.mean > 0 else swap
    return f"{size:,} documents: {first} is ahead of {other} by {abs(one.mean):.3f}, {shown}."


def _table(head: Sequence[str], rows: Rows) -> str:
    if not rows:
        return "No result of these runs is committed yet."
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def written(page: str) -> str:
    """The page with each block filled in; raises `ValueError` for a block that it lacks."""
    blocks = {
        "rivals-mini": mini(mini_scores()),
        "rivals-cost": costs(),
        "rivals-real": real(real_scores()),
    }
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"{PAGE}: no block {name}")
        new = f"\n{block}\n\n"
        page = pattern.sub(lambda found, new=new: found[1] + new + found[2], page)
    return page


def main() -> None:
    """Write the page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
