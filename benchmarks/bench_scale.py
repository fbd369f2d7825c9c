"""Time of an epoch and memory from 1,000 to 100,000 documents, and what starts a run.

`python benchmarks/bench_scale.py` repeats the shipped documents and trains the mini ko-deberta on
1,000, 10,000 and, with `--whole`, 100,000 of them, each in a process of its own. What is timed is
a run's own work: reading and preparing documents, samples, and steps; of the largest set a fixed
number of steps is trained and an epoch's time follows from their rate. Writes `results/scale.json`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "scale.json"
SIZES = (1_000, 10_000)
WHOLE = 100_000
STEPS = 60


def work(count: int) -> dict[str, Any]:
    """Prepare `count` documents and train `STEPS` steps on them; seconds and bytes."""
    import psutil
    import training_world as world

    from encswap.data.input import find_data
    from encswap.data.readers import read_examples
    from encswap.train.fit import group_settings
    from encswap.train.trainer import SwapTrainer

    lines = find_data("ko-medical/train.jsonl").read_text(encoding="utf-8").splitlines()
    model, plugins = world.draw_model(1, 64)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "many.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number in range(count):
                record = json.loads(lines[number % len(lines)])
                file.write(json.dumps({**record, "id": str(number)}, ensure_ascii=False) + "\n")
        began = time.perf_counter()
        examples = read_examples(path)
        read = time.perf_counter()
        model.processor.word_splitter.prepare([one.text for one in examples])
        samples = world.samples_of(model, examples)
        world.train_used_rows(model, samples)
        prepared = time.perf_counter()
        ticks: list[tuple[float, int]] = []
        resident = psutil.Process().memory_info

        def on_step(done: int, _steps: int, _loss: float) -> None:
            ticks.append((time.perf_counter(), resident().rss))
            if done >= STEPS:
                raise EnoughError

        recipe = world.recipe_of(epochs=1, batch_size=8)
        groups = plugins.build_param_groups(model, group_settings(recipe))
        trainer = SwapTrainer(
            model,
            samples,
            groups,
            recipe,
            folder=Path(place),
            on_epoch=lambda _number, _loss: True,
            on_step=on_step,
        )
        ready = time.perf_counter()
        with contextlib.suppress(EnoughError):
            trainer.train()
    middle, last = ticks[len(ticks) // 3], ticks[-1]
    rate = (last[0] - middle[0]) / (len(ticks) - 1 - len(ticks) // 3)
    return {
        "documents": count,
        "reading_seconds": read - began,
        "preparing_seconds": prepared - read,
        "first_step_seconds": ticks[0][0] - ready,
        "step_seconds": rate,
        "epoch_seconds": rate * -(-len(samples) // 8),
        "bytes_at_a_third": middle[1],
        "bytes_at_the_end": last[1],
    }


class EnoughError(Exception):
    """Enough steps were timed."""


def main(whole: bool) -> None:
    """Measure every size in a process of its own and write the results."""
    found = []
    for size in (*SIZES, *((WHOLE,) if whole else ())):
        done = subprocess.run(
            [sys.executable, __file__, str(size)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "GOMP_SPINCOUNT": "3000"},
        )
        one = json.loads(done.stdout.splitlines()[-1])
        found.append(one)
        print(
            f"{size:>7} documents: read {one['reading_seconds']:.1f} s, "
            f"prepared {one['preparing_seconds']:.1f} s, "
            f"first step {one['first_step_seconds']:.1f} s, "
            f"step {1000 * one['step_seconds']:.0f} ms, epoch {one['epoch_seconds']:.0f} s, "
            f"memory {one['bytes_at_a_third'] / 2**20:.0f} then "
            f"{one['bytes_at_the_end'] / 2**20:.0f} MiB",
            flush=True,
        )
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        print(json.dumps(work(int(sys.argv[1]))))
    else:
        main("--whole" in sys.argv)
