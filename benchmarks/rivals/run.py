"""Build the small world and train swap, no swap and tagger in it; the same command goes on.

    python benchmarks/rivals/run.py --out rivals

Base and encoder are those of `benchmarks/head_reuse`. The results are copied to
`benchmarks/results/rivals.json`, from which `findings.py` writes its section.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results" / "rivals.json"
WORLD = HERE.parent / "head_reuse" / "world.py"
KEPT = ("micro", "difference", "verdict", "cost", "recipe", "expressed")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("rivals"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--collect", action="store_true", help="copy what has run, and run nothing")
    options = parser.parse_args()
    code = 0
    if not options.collect:
        options.out.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        calls = [[sys.executable, str(WORLD), "--only", "base", "deberta"]]
        calls += [grid(f"seed-{seed}") for seed in options.seeds]
        for call in calls:
            code = subprocess.run(call, cwd=options.out, env=environment, check=False).returncode
            if code:
                break
    found = collect(options.out / "results" / "cells")
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{len(found)} cells: {RESULTS}")
    return code


def grid(part: str) -> list[str]:
    """The call that runs a part of the plan."""
    plan = str(HERE / "plan.yaml")
    command = [sys.executable, "-m", "encswap", "experiment", plan, "--part", part]
    return [*command, "--out", "results", "--cpus-per-cell", "1"]


def collect(cells: Path) -> list[dict[str, Any]]:
    """What is committed of each cell that has run: settings, the test's score, the rivals."""
    return [
        summary(read(folder / "cell.json"), read(folder / "metrics.json"))
        for folder in sorted(cells.iterdir())
        if (folder / "cell.json").is_file() and (folder / "metrics.json").is_file()
    ]


def summary(cell: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """A cell without paths and documents."""
    rivals = {
        name: {key: one[key] for key in KEPT if key in one} if "error" not in one else one
        for name, one in metrics["rivals"].items()
    }
    for one in rivals.values():
        if "base" in one.get("recipe", {}):
            one["recipe"] = {**one["recipe"], "base": Path(one["recipe"]["base"]).name}
    return {
        "name": cell["name"],
        "settings": cell["settings"],
        "seconds": cell["seconds"],
        "micro": metrics["test"]["micro"],
        "throughput": metrics["throughput"],
        "rivals": rivals,
    }


def read(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
