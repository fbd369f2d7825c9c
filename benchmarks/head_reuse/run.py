"""Build the small world and run a grid in it: by default the core.

    python benchmarks/head_reuse/run.py --out head-reuse
    python benchmarks/head_reuse/run.py --plan whole --part markers

What is built and what has run is kept: the same command goes on. `--at-once` processes share the
work by encoders, or by seeds where there are more; a last call reads all of it.
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
    plan = HERE / f"{options.plan}.yaml"
    if options.at_once > 1:
        shares, count = divide(plan, options.out.resolve(), options.part, options.at_once)
        calls = [grid(shares, f"share-{number}") for number in range(1, count + 1)]
        together(calls, options.out, options.at_once)
    ended = subprocess.run(grid(plan, options.part), cwd=options.out, check=False)
    print(f"all: {time.monotonic() - began:.0f} s", flush=True)
    return ended.returncode


def grid(plan: Path, part: str | None) -> list[str]:
    """The call that runs a plan or a part of it."""
    command = [sys.executable, "-m", "encswap", "experiment", str(plan), "--out", "results"]
    return [*command, "--cpus-per-cell", "1", *(["--part", part] if part else [])]


def divide(path: Path, out: Path, part: str | None, count: int) -> tuple[Path, int]:
    """Write the plan with a part for each process, by encoders or seeds; returns how many."""
    plan = yaml.safe_load(path.read_text(encoding="utf-8"))
    rule = plan["parts"][part] if part else {}
    axis = "encoders" if count <= len(plan["encoders"]) else "seeds"
    values = rule.get(axis, list(plan[axis]))
    values = values if isinstance(values, list) else [values]
    count = min(count, len(values))
    shares = {f"share-{n + 1}": {**rule, axis: values[n::count]} for n in range(count)}
    written = out / path.name
    written.write_text(yaml.safe_dump({**plan, "parts": shares}), encoding="utf-8")
    return written, count


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
