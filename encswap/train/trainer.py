"""transformers' Trainer, taught gliner2's batches, the plugins' groups and the epoch's end."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from encswap import distributed as processes
from encswap import files
from encswap.errors import InputError
from encswap.gliner.training import (
    drop_out,
    objective,
    sample_ids,
    set_schedules,
    training_loss,
)
from encswap.recipe import Recipe
from encswap.train.cost import updates_of
from encswap.train.samples import Collator, Order, Samples
from encswap.train.states import StateWriter
from encswap.train.trackers import trackers
from encswap.types import ParamGroup

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from encswap.train.self_distillation import Teacher


# glibc's names in malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 1 << 30


def keep_freed_memory() -> bool:
    """Tell glibc not to give large blocks back to the system; False where it is not glibc.

    By default each tensor above 32 MiB is mapped anew and its pages are cleared at first touch:
    on a CPU a tenth of a training step.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGE)) and bool(mallopt(M_TRIM_THRESHOLD, LARGE))


def training_arguments(
    recipe: Recipe, samples: int, folder: Path, *, saves: bool
) -> TrainingArguments:
    """Translate the recipe for the Trainer, which saves its state at each epoch's end or never."""
    updates = updates_of(recipe, samples)
    precision = precision_of(recipe)
    tracked = trackers(recipe) if saves else []
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
        ddp_find_unused_parameters=True,
        save_strategy="epoch" if saves else "no",
        logging_strategy="steps" if tracked else "no",
        logging_steps=max(1, updates // 20),
        report_to=tracked or "none",
        disable_tqdm=True,
    )


def precision_of(recipe: Recipe) -> str:
    """Resolve the number format: float32 on a CPU; `auto` is bf16 where the GPU has it, else fp16.

    fp16 wants a GPU's loss scaling, so what a recipe for a GPU says is left for float32 on a CPU.
    """
    if not torch.cuda.is_available() or recipe.precision == "bf16-encoder":
        return "fp32"
    if recipe.precision != "auto":
        return recipe.precision
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def precision_remark(recipe: Recipe) -> str | None:
    """Say that another number format is trained in than the recipe names, where that is so."""
    found = precision_of(recipe)
    if recipe.precision in ("auto", "bf16-encoder", found):
        return None
    return f"precision {recipe.precision} wants a GPU, and torch sees none: trained in float32"


def refuse_precision(recipe: Recipe) -> None:
    """Refuse bf16 on a GPU that has none: the Trainer would say so after everything is loaded."""
    if precision_of(recipe) == "bf16" and not torch.cuda.is_bf16_supported():
        raise InputError("precision: this GPU has no bf16", hint="set precision: fp16, or auto")


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
        teacher: Teacher | None = None,
        callbacks: Sequence[Any] = (),
    ) -> None:
        self._teacher = teacher
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
            data_collator=Collator(
                model, recipe.seed, recipe.mask_subtokens, self._epoch, recipe.labels_per_document
            ),
            callbacks=[
                _Watch(self, on_epoch, on_step),
                _Thaw(model, recipe.freeze_encoder_steps),
                *callbacks,
            ],
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
            self._core,
            gate=recipe.train_count_gate,
            negative_masking=recipe.negative_masking,
            extra=self._lesson if self._teacher is not None else None,
        ):
            super().train(resume_from_checkpoint=resume_from_checkpoint)

    def _lesson(self, batch: Any) -> torch.Tensor:
        """How far the model is from its teacher, on as many drawn texts as the batch has."""
        assert self._teacher is not None
        names = f"{self._epoch()}/{','.join(sample_ids(batch))}"
        return self._teacher.loss(self._core, names, len(batch))

    def _epoch(self) -> int:
        # The state's epoch is a fraction that reaches a whole number at an epoch's end.
        return int((self.state.epoch or 0.0) + 1e-6)

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:  # noqa: ARG002
        samples = self.train_dataset
        return Order(
            samples.lengths,
            self._recipe.batch_size * processes.world_size(),
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
        processes.barrier()

    def _save_rng_state(self, output_dir: str) -> None:
        """Let the main process write the random states of all."""
        if processes.world_size() == 1:
            super()._save_rng_state(output_dir)
            return
        name = f"rng_state_{processes.rank()}.pth"
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
        loss = loss * processes.world_size()
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
