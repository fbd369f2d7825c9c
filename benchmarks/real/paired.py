"""Compare finished cells pair by pair on their test sentences, and keep the differences.

    python benchmarks/real/paired.py --runs DIR [DIR ...]

Both models of a pair were asked about the same sentences, so each resample of the sentences takes
both scores together: that tells a difference which two intervals apart from each other hide. The
folders are what `run.py --runs` filled; what is written is benchmarks/results/real-paired.json, a
line a pair and seed. A pair of which one is not at hand keeps the line that it has.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from encswap.evaluate.intervals import compare
from encswap.evaluate.metrics import Counts
from encswap.files import write_json

RESULTS = Path(__file__).resolve().parents[1] / "results" / "real-paired.json"
PAIRS = (
    ("mean", "tuned"),
    ("tuned", "plan"),
    ("tuned", "keep"),
    ("tuned", "fresh"),
    ("ends", "mean"),
    ("case", "mean"),
    ("running", "mean"),
    ("taught", "mean"),
    ("distill", "tuned"),
    ("tags", "tuned"),
    ("lora", "tuned"),
    ("words", "tuned"),
)
SETS = ("", "ncbi-")
SIZES = (200, 1000)
SEEDS = ("", "-s43", "-s44")
"""How a cell's name ends: with nothing for seed 42."""


def counts_of(path: Path) -> dict[str, Counts]:
    """Exact spans of each sentence of a finished run, by its place and text."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        gold, predicted = (
            {(span["start"], span["end"], span["label"]) for span in one[part]}
            for part in ("gold", "predictions")
        )
        found[f"{one['document']} {one['text']}"] = Counts(
            correct=len(gold & predicted), predicted=len(predicted), gold=len(gold)
        )
    return found


def differences(folders: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Compare every pair whose runs are both at hand."""
    for first, second in PAIRS:
        for group in SETS:
            for size in SIZES:
                for seed in SEEDS:
                    names = [f"{group}{kind}-{size}{seed}" for kind in (first, second)]
                    paths = [_predictions(folders, name) for name in names]
                    if all(paths):
                        yield compared(*names, *(counts_of(path) for path in paths if path))


def compared(
    first: str, second: str, ours: Mapping[str, Counts], theirs: Mapping[str, Counts]
) -> dict[str, Any]:
    """The F1 of two runs and their difference; raises `ValueError` where the sentences differ."""
    if list(ours) != list(theirs):
        raise ValueError(f"{first} and {second} were not tested on the same sentences")
    gap = compare(list(theirs.values()), list(ours.values()), seed=42)
    return {
        "first": first,
        "second": second,
        "f1": [sum(one.values(), Counts()).f1 for one in (ours, theirs)],
        "difference": gap.f1,
        "interval": [gap.low, gap.high],
    }


def _predictions(folders: Iterable[Path], name: str) -> Path | None:
    for folder in folders:
        if (path := folder / name / "predictions.jsonl").is_file():
            return path
    return None


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of the runs")
    asked = parser.parse_args()
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else []
    known = {(one["first"], one["second"]): one for one in kept}
    known |= {(one["first"], one["second"]): one for one in differences(asked.runs)}
    write_json(RESULTS, list(known.values()))
    print(f"{len(known)} pairs")


if __name__ == "__main__":
    main()
