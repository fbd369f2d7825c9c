"""Build the small world and run a grid in it: by default the core.

    python benchmarks/head_reuse/run.py --out head-reuse
    python benchmarks/head_reuse/run.py --out head-reuse --plan whole --part alignment

What is built and what has run is kept: the same command goes on. `--at-once` processes share the
cells. At the end the results are held against the committed ones, condition by condition.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
COMMITTED = HERE.parent / "results" / "head_reuse"
CORE = ("base", "deberta", "electra")
NEEDED = {"core": CORE, "whole": (*CORE, "deberta-brief", "roberta")}
TEXTS = "ko-medical/train.jsonl"
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
    describe_world(options.out, NEEDED[options.plan])
    print(f"the world: {time.monotonic() - began:.0f} s", flush=True)
    call = grid(HERE / f"{options.plan}.yaml", options.part)
    if options.at_once > 1:
        together([call] * options.at_once, options.out, options.at_once)
    ended = subprocess.run(call, cwd=options.out, check=False)
    print(f"all: {time.monotonic() - began:.0f} s", flush=True)
    found = read(options.out / "results" / "results.json")
    if (known := COMMITTED / f"{options.plan}.json").is_file():
        print("\n".join(compared(found, read(known))), flush=True)
    return ended.returncode


def grid(plan: Path, part: str | None) -> list[str]:
    """The call that runs a plan or a part of it."""
    command = [sys.executable, "-m", "encswap", "experiment", str(plan), "--out", "results"]
    return [*command, "--cpus-per-cell", "1", *(["--part", part] if part else [])]


def describe_world(out: Path, names: tuple[str, ...]) -> None:
    """Write world.json: how each encoder has read, and how alike its word vectors are."""
    told = {}
    for name in names:
        told[name] = read(out / "world" / name / "world.json")
        if name != "base":
            told[name] |= similarity(out, name)
    (out / "world.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def similarity(out: Path, name: str) -> dict[str, Any]:
    """What `encswap check` measures between an encoder and the base, at depth weights."""
    command = [
        sys.executable,
        "-m",
        "encswap",
        "check",
        f"./world/{name}",
        "--base",
        "./world/base",
    ]
    command += ["--depth", "weights", "--data", TEXTS, "--criteria", "shape", "--format", "json"]
    ran = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)
    (judged,) = json.loads(ran.stdout)["candidates"]
    (found,) = [one for one in judged["findings"] if one["code"] == "similarity"]
    evidence = found["evidence"]
    return {key: round(evidence[key], 3) for key in ("cka", "explained")}


def compared(ours: Mapping[str, Any], committed: Mapping[str, Any]) -> list[str]:
    """How many means of conditions lie within the committed intervals, and which do not."""
    before = {key(one): one["f1"] for one in committed["conditions"] if "f1" in one}
    now = {key(one): one["f1"] for one in ours["conditions"] if "f1" in one}
    both = [one for one in now if one in before and before[one]["low"] is not None]
    inside = [one for one in both if before[one]["low"] <= now[one]["mean"] <= before[one]["high"]]
    lines = [f"{len(inside)} of {len(both)} means lie within the committed intervals"]
    same = sum(now[one]["mean"] == before[one]["mean"] for one in both)
    lines.append(f"{same} of {len(both)} means are the same to the last digit")
    for one in both:
        if one not in inside:
            low, high = before[one]["low"], before[one]["high"]
            lines.append(f"outside: {one}: {now[one]['mean']:.3f}, not {low:.3f} to {high:.3f}")
    return lines


def key(condition: Mapping[str, Any]) -> str:
    """A condition's settings as a line."""
    return " ".join(f"{name}={value}" for name, value in condition["settings"].items())


def read(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


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
