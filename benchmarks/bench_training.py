"""Training steps beside gliner2's own trainer, and beside what the encoder alone costs.

`python benchmarks/bench_training.py` prints ratios and writes `results/training.json`. Each side
runs in a process of its own, in turns, on the same drawn model and the same documents. Ratios are
of medians over steps:

- faster: samples per second against gliner2's `ExtractorTrainer`, at the faster of no loader
  workers and its own default of four;
- encoder: our whole step against the encoder's forward and backward pass alone, the physical limit
  while the encoder is trained.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results" / "training.json"
SIZES = {"6x384": (6, 384, 48, 2), "12x768": (12, 768, 24, 1)}
"""Layers, width, documents, rounds."""
BATCH = 8
SIDES = ("ours", "gliner2", "gliner2, 4 workers", "encoder")


def ours(layers: int, hidden: int, count: int, folder: Path) -> list[float]:
    """Seconds of each step of encswap's trainer."""
    import training_world as world

    from encswap.train.fit import group_settings
    from encswap.train.trainer import SwapTrainer

    model, plugins = world.draw_model(layers, hidden)
    samples = world.samples_of(model, world.documents(count))
    world.train_used_rows(model, samples)
    recipe = world.recipe_of(epochs=2, batch_size=BATCH, mask_subtokens=0.0)
    clock = Clock()
    SwapTrainer(
        model,
        samples,
        plugins.build_param_groups(model, group_settings(recipe)),
        recipe,
        folder=folder,
        on_epoch=lambda _number, _loss: True,
        on_step=lambda _done, _steps, _loss: clock.tick(),
    ).train()
    return clock.steps()


def theirs(layers: int, hidden: int, count: int, folder: Path, workers: int) -> list[float]:
    """Seconds of each step of gliner2's trainer."""
    import training_world as world
    from gliner2.training.trainer import ExtractorTrainer, TrainingConfig

    clock = Clock()

    class Clocked(ExtractorTrainer):  # type: ignore[misc]
        def _optimizer_step(self) -> bool:
            done = super()._optimizer_step()
            clock.tick()
            return bool(done)

        def _save_checkpoint(self, *_: Any, **__: Any) -> None: ...

    model, _ = world.draw_model(layers, hidden)
    samples = world.samples_of(model, world.documents(count))
    records = [{"input": text, "output": schema} for text, schema in samples.items]
    config = TrainingConfig(
        output_dir=str(folder),
        num_epochs=2,
        batch_size=BATCH,
        eval_strategy="no",
        validate_data=False,
        num_workers=workers,
    )
    Clocked(model, config).train(records)
    return clock.steps()


def encoder(layers: int, hidden: int, count: int, _folder: Path) -> list[float]:
    """Seconds of the encoder's forward and backward pass, on the batches of our trainer."""
    import training_world as world

    from encswap.train.samples import Collator, Order

    model, _ = world.draw_model(layers, hidden)
    samples = world.samples_of(model, world.documents(count))
    collate = Collator(model, world.SEED, 0.0, lambda: 0)
    clock = Clock()
    model.train()
    for epoch in range(2):
        order = Order(samples.lengths, BATCH, world.SEED, grouped=True)
        order.set_epoch(epoch)
        places = list(order)
        for start in range(0, len(places), BATCH):
            batch = collate([samples[place] for place in places[start : start + BATCH]])
            clock.start()
            model.zero_grad(set_to_none=True)
            states = model.encoder(batch.input_ids, batch.attention_mask).last_hidden_state
            states.sum().backward()
            clock.tick()
    return clock.steps()


class Clock:
    """Measures the time between ticks."""

    def __init__(self) -> None:
        self.last: float | None = None
        self.seconds: list[float] = []

    def start(self) -> None:
        """Begin to measure."""
        self.last = time.perf_counter()

    def tick(self) -> None:
        """End a step and begin the next."""
        now = time.perf_counter()
        if self.last is not None:
            self.seconds.append(now - self.last)
        self.last = now

    def steps(self) -> list[float]:
        """Seconds of the steps after the first two, which warm up."""
        return self.seconds[2:]


def work(side: str, size: str) -> list[float]:
    """Run one side in this process."""
    layers, hidden, count, _ = SIZES[size]
    does: dict[str, Callable[[Path], list[float]]] = {
        "ours": lambda folder: ours(layers, hidden, count, folder),
        "gliner2": lambda folder: theirs(layers, hidden, count, folder, 0),
        "gliner2, 4 workers": lambda folder: theirs(layers, hidden, count, folder, 4),
        "encoder": lambda folder: encoder(layers, hidden, count, folder),
    }
    with tempfile.TemporaryDirectory() as folder:
        return does[side](Path(folder))


def measure(size: str) -> dict[str, Any]:
    """Run every side in turns and relate them."""
    rounds = SIZES[size][3]
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for number in range(rounds):
        for side in SIDES:
            done = subprocess.run(
                [sys.executable, __file__, side, size],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "GOMP_SPINCOUNT": "3000"} if side == "ours" else None,
            )
            steps = json.loads(done.stdout.splitlines()[-1])
            seconds[side] += steps
            print(f"{size} round {number + 1} {side}: {median(steps):.3f} s a step", flush=True)
    middle = {side: median(steps) for side, steps in seconds.items()}
    peer = min(middle["gliner2"], middle["gliner2, 4 workers"])
    return {
        "seconds": {side: [round(one, 4) for one in steps] for side, steps in seconds.items()},
        "median": {side: round(one, 4) for side, one in middle.items()},
        "faster": round(peer / middle["ours"], 3),
        "encoder": round(middle["ours"] / middle["encoder"], 3),
    }


def main() -> None:
    """Measure all sizes and write the results."""
    import torch

    found: dict[str, Any] = {"threads": torch.get_num_threads(), "batch": BATCH}
    for size in SIZES:
        found[size] = measure(size)
        print(
            f"{size}: {found[size]['faster']} times the throughput of gliner2's trainer; "
            f"a step costs {found[size]['encoder']} times the encoder alone"
        )
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(work(sys.argv[1], sys.argv[2])))
    else:
        main()
