"""transformers' Trainer, taught gliner2's batches, the plugins' groups and the epoch's end."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from encswap.domain import ParamGroup
from encswap.recipe import Recipe
from encswap.train.collation import Collator
from encswap.train.dataset import Samples
from encswap.train.folder import StateWriter
from encswap.train.objective import training_loss

if TYPE_CHECKING:
    from transformers import PreTrainedModel

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
        self._groups = groups
        self._recipe = recipe
        self._core = model
        self._state = state
        self._epoch_losses: list[float] = []
        super().__init__(
            model=model,
            args=training_arguments(
                recipe, len(samples), state.writing if state else folder, saves=state is not None
            ),
            train_dataset=samples,
            data_collator=Collator(model, recipe.seed, recipe.mask_subtokens, self._epoch),
            callbacks=[_Watch(self, on_epoch, on_step)],
        )
        # The Trainer's own progress prints on stdout, which belongs to results.
        from transformers import PrinterCallback, ProgressCallback

        self.remove_callback(PrinterCallback)
        self.remove_callback(ProgressCallback)

    def _epoch(self) -> int:
        # The state's epoch is a fraction that reaches a whole number at an epoch's end.
        return int((self.state.epoch or 0.0) + 1e-6)

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
        super()._save_checkpoint(model, trial)
        if self._state is not None and self.args.should_save:
            self._state.move(self._state.writing / f"checkpoint-{self.state.global_step}")

    def compute_loss(
        self,
        model: Any,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ARG002
    ) -> Any:
        """Return gliner2's loss, a sum over the batch."""
        loss = training_loss(model, self._core, inputs, gate=self._recipe.train_count_gate)
        self._epoch_losses.append(float(loss.detach()) / len(inputs))
        return (loss, {}) if return_outputs else loss

    def mean_loss(self) -> float:
        """The mean loss per sample since the last call."""
        losses, self._epoch_losses = self._epoch_losses, []
        return sum(losses) / len(losses) if losses else 0.0

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


def training_arguments(
    recipe: Recipe, samples: int, folder: Path, *, saves: bool
) -> TrainingArguments:
    """Translate the recipe for the Trainer, which saves its state at each epoch's end or never."""
    updates = math.ceil(math.ceil(samples / recipe.batch_size) / recipe.gradient_accumulation)
    precision = precision_of(recipe)
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.gradient_accumulation,
        warmup_steps=round(recipe.warmup_ratio * updates * recipe.epochs),
        max_grad_norm=recipe.max_grad_norm,
        lr_scheduler_type="linear",
        fp16=precision == "fp16",
        bf16=precision == "bf16",
        seed=recipe.seed,
        data_seed=recipe.seed,
        use_cpu=not torch.cuda.is_available(),
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        save_strategy="epoch" if saves else "no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def precision_of(recipe: Recipe) -> str:
    """Resolve `auto`: bf16 where the device has it, else fp16 on a GPU, else float32."""
    if not torch.cuda.is_available():
        return "fp32"
    if recipe.precision != "auto":
        return recipe.precision
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
