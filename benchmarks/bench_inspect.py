"""How long `data inspect` takes and how much memory it holds, by number of documents.

Documents are made of the words and gold of the shipped Korean set, in a seeded random order. Each
size runs in a process of its own. Prints JSON and writes benchmarks/results/inspect.json.

    python benchmarks/bench_inspect.py [whitespace=1000,10000 kiwi=1000]
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "inspect.json"
PLANNED = ("whitespace=1000,10000,100000", "kiwi=1000,10000")
WORDS = 24


def write_documents(path: Path, count: int) -> None:
    """Write `count` documents of `WORDS` words each, with two or three mentions."""
    from encswap.data.input import find_data
    from encswap.data.readers import read_examples

    examples = read_examples(find_data("ko-medical/train.jsonl"))
    words = sorted({word for one in examples for word in one.text.split()})
    gold = sorted({(m.label, m.text) for one in examples for m in one.mentions})
    draw = random.Random(count)
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            stream.write(json.dumps(_document(number, words, gold, draw), ensure_ascii=False))
            stream.write("\n")


def _document(
    number: int, words: list[str], gold: list[tuple[str, str]], draw: random.Random
) -> dict[str, Any]:
    chosen: list[tuple[str, str]] = [("", word) for word in draw.choices(words, k=WORDS)]
    chosen[5::8] = draw.choices(gold, k=len(chosen[5::8]))
    text, spans = "", []
    for label, word in chosen:
        if label:
            end = len(text) + len(word)
            spans.append({"start": len(text), "end": end, "label": label})
        text += f"{word}은 " if label else f"{word} "  # a particle stands directly on gold
    return {"id": str(number), "text": text.rstrip() + ".", "spans": spans}


def measure(splitter: str, count: int) -> dict[str, Any]:
    """Inspect `count` documents in this process."""
    from encswap.data.inspect import inspect
    from encswap.plugins import load_plugins

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "documents.jsonl"
        write_documents(path, count)
        built = {splitter: load_plugins().splitter(splitter)}
        before = peak_mib()
        start, start_cpu = time.perf_counter(), time.process_time()
        found = inspect(path, built)
        seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        size = path.stat().st_size
    return {
        "splitter": splitter,
        "documents": count,
        "file_mib": round(size / 2**20, 1),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "cpu_milliseconds_per_document": round(1000 * cpu / count, 3),
        "peak_mib": round(peak_mib(), 1),
        "peak_before_mib": round(before, 1),
        "aligned": round(found.splitters[splitter].coverage.aligned_share, 4),
    }


def peak_mib() -> float:
    """Return the most memory that this process has held."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def main() -> None:
    """Run every size on its own and write the figures down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", nargs="*", default=PLANNED, metavar="SPLITTER=SIZE,SIZE")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, _, count = options.one.partition("=")
        print(json.dumps(measure(name, int(count))))
        return
    runs = []
    for plan in options.plan:
        name, _, sizes = plan.partition("=")
        for size in sizes.split(","):
            command = [sys.executable, __file__, "--one", f"{name}={size}"]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            runs.append(json.loads(done.stdout))
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    text = json.dumps({"benchmark": "inspect", **machine, "runs": runs}, indent=2)
    print(text)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
