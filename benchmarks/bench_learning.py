"""The same learning as gliner2's own trainer: step losses side by side, span and boundary.

`python benchmarks/bench_learning.py` trains the same drawn model twice on the same batches, in the
same order, from the same seeds, with dropout, negative masking and the boundary head's schedules
on: once with gliner2's `ExtractorTrainer`, once with encswap's. It prints the largest relative
difference of a step's loss over 50 steps and writes `results/learning.json`.

Every step begins from a seed of its own, since torch's loader, which the one uses and the other
does not, draws from the same generator between epochs. Both get the plan's rates, the same
optimizer groups (gliner2 divides by `"encoder" in name`), warm-up and clipping, on one thread.
The count gate, which gliner2 does not train, is off.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import training_world as world
from gliner2.training.trainer import ExtractorTrainer, TrainingConfig

from encswap.train.samples import Collator, Order
from encswap.train.trainer import SwapTrainer
from encswap.types import ParamGroup

RESULTS = Path(__file__).parent / "results" / "learning.json"
STEPS, BATCH, LAYERS, HIDDEN = 50, 4, 2, 128
EPOCHS, DOCUMENTS = 5, 40


def ours(model: Any, folder: Path) -> list[float]:
    """The loss of each of our steps."""
    samples = world.samples_of(model, world.documents(DOCUMENTS))
    world.train_used_rows(model, samples)
    recipe = world.recipe_of(
        epochs=EPOCHS,
        batch_size=BATCH,
        mask_subtokens=0.0,
        train_count_gate=False,
        encoder_lr=2e-5,
        head_lr=5e-4,
    )
    losses: list[float] = []

    class Seeded(SwapTrainer):
        def compute_loss(self, *arguments: Any, **options: Any) -> Any:
            torch.manual_seed(world.SEED + len(losses))
            loss = super().compute_loss(*arguments, **options)
            losses.append(float(loss.detach()))
            return loss

    Seeded(
        model,
        samples,
        groups_of_gliner2(model, recipe),
        recipe,
        folder=folder,
        on_epoch=lambda _number, _loss: True,
    ).train()
    return losses


def groups_of_gliner2(model: Any, recipe: Any) -> list[ParamGroup]:
    """The two groups that gliner2's trainer makes."""
    divided: dict[bool, list[tuple[str, Any]]] = {True: [], False: []}
    for name, parameter in model.named_parameters():
        divided["encoder" in name].append((name, parameter))
    return [
        ParamGroup(str(inside), tuple(named), rate, recipe.weight_decay)
        for inside, rate, named in (
            (True, recipe.encoder_lr, divided[True]),
            (False, recipe.head_lr, divided[False]),
        )
    ]


def theirs(model: Any, folder: Path) -> list[float]:
    """The loss of each of gliner2's steps, on the same batches."""
    samples = world.samples_of(model, world.documents(DOCUMENTS))
    losses: list[float] = []

    class SameBatches:
        """Yields our batches in our order."""

        sampler = None

        def __init__(self) -> None:
            self.epoch = 0

        def __len__(self) -> int:
            return DOCUMENTS // BATCH

        def __iter__(self) -> Iterator[Any]:
            epoch, self.epoch = self.epoch, self.epoch + 1
            order = Order(samples.lengths, BATCH, world.SEED, grouped=True)
            order.set_epoch(epoch)
            collate = Collator(model, world.SEED, 0.0, lambda: epoch)
            places = list(order)
            for start in range(0, len(places), BATCH):
                yield collate([samples[place] for place in places[start : start + BATCH]])

    class Seeded(ExtractorTrainer):  # type: ignore[misc]
        def _create_dataloader(self, *_: Any, **__: Any) -> Any:
            return SameBatches()

        def _backward_one(self, *arguments: Any, **options: Any) -> Any:
            torch.manual_seed(world.SEED + len(losses))
            loss = super()._backward_one(*arguments, **options)
            losses.append(float(loss))
            return loss

        def _save_checkpoint(self, *_: Any, **__: Any) -> None: ...

    config = TrainingConfig(
        output_dir=str(folder),
        num_epochs=EPOCHS,
        batch_size=BATCH,
        encoder_lr=2e-5,
        task_lr=5e-4,
        eval_strategy="no",
        validate_data=False,
        num_workers=0,
        float32_matmul_precision="highest",
    )
    Seeded(model, config).train([{"input": t, "output": s} for t, s in samples.items])
    return losses


def measure(architecture: str) -> dict[str, Any]:
    """Train both and compare."""
    model, _ = world.draw_model(LAYERS, HIDDEN, architecture)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        mine = ours(copy.deepcopy(model), Path(one))
        own = theirs(copy.deepcopy(model), Path(other))
    assert len(mine) == len(own) == STEPS, (len(mine), len(own))
    worst = max(abs(a - b) / abs(b) for a, b in zip(mine, own, strict=True))
    return {"largest_relative_difference": worst, "encswap": mine, "gliner2": own}


def main() -> None:
    """Compare both architectures and write the results."""
    torch.set_num_threads(1)
    found = {}
    for architecture in ("span", "boundary"):
        found[architecture] = measure(architecture)
        print(
            f"{architecture}: over {STEPS} steps the losses differ by at most "
            f"{found[architecture]['largest_relative_difference']:.1e} "
            f"(first {found[architecture]['encswap'][0]:.3f}, "
            f"last {found[architecture]['encswap'][-1]:.3f})"
        )
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
