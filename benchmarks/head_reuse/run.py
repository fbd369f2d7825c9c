"""Build the small world and run a grid in it: by default the core.

    python benchmarks/head_reuse/run.py --out head-reuse
    python benchmarks/head_reuse/run.py --plan whole --part markers

What is built and what has run is kept: the same command goes on. `--at-once` grids share the work
by seeds, each in a process of its own; a last call reads all of it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
CORE = ("base", "deberta", "electra")
NEEDED = {"core": CORE, "whole": (*CORE, "roberta")}
APART = 3.0
"""Seconds between two starts, so that one finds the folder that the other has made."""


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("head-reuse"))
    parser.add_argument("--plan", choices=sorted(NEEDED), default="core")
    parser.add_argument("--part")
    parser.add_argument("--at-once", type=int, default=max(1, min(os.cpu_count() or 1, 5)))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    world = [[sys.executable, str(HERE / "world.py"), "--only", n] for n in NEEDED[options.plan]]
    if code := together(world, options.out, options.at_once):
        return code
    print(f"the world: {time.monotonic() - began:.0f} s", flush=True)
    words = ["--part", options.part] if options.part else []
    shares = [grid(plan, words) for plan in divide(options.plan, options.out, options.at_once)]
    together(shares, options.out, options.at_once)
    ended = subprocess.run(grid(HERE / f"{options.plan}.yaml", words), cwd=options.out, check=False)
    print(f"all: {time.monotonic() - began:.0f} s", flush=True)
    return ended.returncode


def grid(plan: Path, words: list[str]) -> list[str]:
    """The call that runs a plan."""
    command = [sys.executable, "-m", "encswap", "experiment", str(plan), "--out", "results"]
    return [*command, "--cpus-per-cell", "1", *words]


def divide(name: str, out: Path, count: int) -> list[Path]:
    """Write the plan once for each process, with its share of the seeds."""
    if count == 1:
        return []
    plan = yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))
    seeds = plan["seeds"]
    written = []
    for place in range(min(count, len(seeds))):
        path = out.resolve() / f"{name}-{place + 1}.yaml"
        rules = {key: one for key, one in plan.get("parts", {}).items() if "seeds" not in one}
        share = {**plan, "seeds": seeds[place::count], "parts": rules}
        path.write_text(yaml.safe_dump(share), encoding="utf-8")
        written.append(path)
    return written


def together(commands: list[list[str]], folder: Path, count: int) -> int:
    """Run commands in `folder`, `count` at a time; returns the last code that is not 0."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    waiting, running, code = list(commands), [], 0
    while waiting or running:
        while waiting and len(running) < count:
            running.append(subprocess.Popen(waiting.pop(0), cwd=folder, env=environment))
            time.sleep(APART)
        time.sleep(0.2)
        code = next((one.returncode for one in running if one.poll()), code)
        running = [one for one in running if one.poll() is None]
    return code


if __name__ == "__main__":
    sys.exit(main())
