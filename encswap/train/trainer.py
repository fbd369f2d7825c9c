"""transformers' Trainer, taught gliner2's batches, the plugins' groups and the epoch's end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, TrainerCallback

from encswap import files, processes
from encswap.domain import ParamGroup
from encswap.recipe import Recipe
from encswap.swap.training_mode import drop_out, set_schedules
from encswap.train.allocator import keep_freed_memory
from encswap.train.arguments import training_arguments
from encswap.train.collation import Collator
from encswap.train.dataset import Samples
from encswap.train.objective import objective, training_loss
from encswap.train.order import Order
from encswap.train.states import StateWriter

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Trackers write into the working folder, or into one that is moved, unless these say otherwise.
TRACKING = {"TENSORBOARD_LOGGING_DIR": "", "WANDB_DIR": "", "MLFLOW_TRACKING_URI": "mlruns"}
EpochEnd = Callable[[int, float], bool]
StepEnd = Callable[[int, int, float], None]


class SwapTrainer(Trainer):  # type: ignore[misc]
    """Trains a GLiNER2 model on samples; `on_epoch` returns False to stop."""

    optimizer: torch.optim.Optimizer | None

    def __init__(
        self,
        model: PreTrainedModel,
        samples: Samples,
        groups: list[ParamGroup],
        recipe: Recipe,
        *,
        folder: Path,
        state: StateWriter | None = None,
        on_epoch: EpochEnd,
        on_step: StepEnd | None = None,
    ) -> None:
        self._folder = folder
        self._groups = groups
        self._recipe = recipe
        self._core = model
        self._state = state
        self._epoch_losses: list[float] = []
        if recipe.dropout is not None:
            drop_out(model, recipe.dropout)
        super().__init__(
            model=model,
            args=training_arguments(
                recipe, len(samples), state.writing if state else folder, saves=state is not None
            ),
            train_dataset=samples,
            data_collator=Collator(model, recipe.seed, recipe.mask_subtokens, self._epoch),
            callbacks=[_Watch(self, on_epoch, on_step), _Thaw(model, recipe.freeze_encoder_steps)],
        )
        # gliner2's loss is a sum; `forward` may take keywords without meaning the Trainer's.
        self.model_accepts_loss_kwargs = False
        # The Trainer's own progress prints on stdout, which belongs to results.
        from transformers import PrinterCallback, ProgressCallback

        self.remove_callback(PrinterCallback)
        self.remove_callback(ProgressCallback)

    def train(self, resume_from_checkpoint: str | None = None) -> None:
        """Train to the end, or until `on_epoch` stops it."""
        recipe = self._recipe
        for name, place in TRACKING.items():
            os.environ.setdefault(name, str(self._folder / "tracking" / place))
        # A state may come from elsewhere: whatever reads its pickles, none may run code.
        os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
        if not torch.cuda.is_available():
            keep_freed_memory()
        with objective(
            self._core, gate=recipe.train_count_gate, negative_masking=recipe.negative_masking
        ):
            super().train(resume_from_checkpoint=resume_from_checkpoint)

    def _epoch(self) -> int:
        # The state's epoch is a fraction that reaches a whole number at an epoch's end.
        return int((self.state.epoch or 0.0) + 1e-6)

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:  # noqa: ARG002
        samples = self.train_dataset
        return Order(
            samples.lengths,
            self._recipe.batch_size * processes.count(),
            self._recipe.seed,
            grouped=self._recipe.group_by_length,
        )

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:  # noqa: ARG002
        """Make AdamW over the groups that the plugins built."""
        if self.optimizer is None:
            self.optimizer = torch.optim.AdamW(
                [
                    {
                        "params": [parameter for _, parameter in group.parameters],
                        "lr": group.learning_rate,
                        "weight_decay": group.weight_decay,
                        "name": group.name,
                    }
                    for group in self._groups
                ],
                fused=True,
            )
        optimizer: torch.optim.Optimizer = self.optimizer
        return optimizer

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Let the Trainer write its state beside, then move it where a resumption looks."""
        if self._state is not None and processes.is_main():
            self._state.make_room()
        super()._save_checkpoint(model, trial)
        if self._state is not None and self.args.should_save:
            self._state.move(self._state.writing / f"checkpoint-{self.state.global_step}")
        processes.wait()

    def _save_rng_state(self, output_dir: str) -> None:
        """Let the main process write the random states of all."""
        if processes.count() == 1:
            super()._save_rng_state(output_dir)
            return
        name = f"rng_state_{processes.index()}.pth"
        with files.scratch("state") as folder:
            super()._save_rng_state(str(folder))
            states = processes.gather([(name, (folder / name).read_bytes())])
        if processes.is_main():
            for (file, content), *_ in states:
                (Path(output_dir) / file).write_bytes(content)

    def compute_loss(
        self,
        model: Any,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ARG002
    ) -> Any:
        """Return gliner2's loss, a sum over the batch of all processes."""
        start, end, hold = self._recipe.gold_injection
        step, steps = self.state.global_step, self.state.max_steps
        set_schedules(self._core, step, steps, start=start, end=end, hold=hold)
        loss = training_loss(model, inputs)
        self._epoch_losses.append(float(loss.detach()) / len(inputs))
        # The gradients of several processes are averaged, and those of a sum must be added.
        loss = loss * processes.count()
        return (loss, {}) if return_outputs else loss

    def mean_loss(self) -> float:
        """The mean loss per sample since the last call, over all processes."""
        losses, self._epoch_losses = self._epoch_losses, []
        together = [one for part in processes.gather(losses) for one in part]
        return sum(together) / len(together) if together else 0.0

    def latest_loss(self) -> float:
        """The loss per sample of the latest step."""
        return self._epoch_losses[-1] if self._epoch_losses else 0.0


class _Watch(TrainerCallback):  # type: ignore[misc]
    """Tells the run of steps and epochs, and stops the Trainer when the run says so."""

    def __init__(self, trainer: SwapTrainer, on_epoch: EpochEnd, on_step: StepEnd | None) -> None:
        self.trainer, self.on_epoch, self.on_step = trainer, on_epoch, on_step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        if self.on_step is not None:
            self.on_step(state.global_step, state.max_steps, self.trainer.latest_loss())

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        if not self.on_epoch(round(state.epoch), self.trainer.mean_loss()):
            control.should_training_stop = True


class _Thaw(TrainerCallback):  # type: ignore[misc]
    """Keeps the encoder as it is for the first steps, so that fresh heads do not spoil it."""

    def __init__(self, model: PreTrainedModel, steps: int) -> None:
        self.parameters = [one for one in model.encoder.parameters() if one.requires_grad]
        self.steps = steps

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        if self.steps:
            for parameter in self.parameters:
                parameter.requires_grad_(state.global_step >= self.steps)
