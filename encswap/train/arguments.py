"""The recipe in the Trainer's words."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import torch
from transformers import TrainingArguments

from encswap import processes
from encswap.errors import InputError
from encswap.recipe import Recipe

TRACKER_PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}


def training_arguments(
    recipe: Recipe, samples: int, folder: Path, *, saves: bool
) -> TrainingArguments:
    """Translate the recipe for the Trainer, which saves its state at each epoch's end or never."""
    batches = math.ceil(samples / (recipe.batch_size * processes.count()))
    updates = math.ceil(batches / recipe.gradient_accumulation)
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


def trackers(recipe: Recipe) -> list[str]:
    """The trackers that the Trainer reports to.

    Raises `InputError` for one that is not known or whose package is not installed.
    """
    if recipe.report_to == "auto":
        return ["tensorboard"] if importlib.util.find_spec("tensorboard") else []
    for name in recipe.report_to:
        package = TRACKER_PACKAGES.get(name)
        if package is None:
            raise InputError(
                f"report_to: unknown tracker {name!r}", hint=", ".join(TRACKER_PACKAGES)
            )
        if importlib.util.find_spec(package) is None:
            raise InputError(f"report_to: {name} is not installed", hint=f"pip install {package}")
    return list(recipe.report_to)


def precision_of(recipe: Recipe) -> str:
    """Resolve the number format: float32 on a CPU; `auto` is bf16 where the GPU has it, else fp16.

    fp16 wants a GPU's loss scaling, so what a recipe for a GPU says is left for float32 on a CPU.
    """
    if not torch.cuda.is_available():
        return "fp32"
    if recipe.precision != "auto":
        return recipe.precision
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def precision_remark(recipe: Recipe) -> str | None:
    """Say that another number format is trained in than the recipe names, where that is so."""
    found = precision_of(recipe)
    if recipe.precision in ("auto", found):
        return None
    return f"precision {recipe.precision} wants a GPU, and torch sees none: trained in float32"


def refuse_precision(recipe: Recipe) -> None:
    """Refuse bf16 on a GPU that has none: the Trainer would say so after everything is loaded."""
    if precision_of(recipe) == "bf16" and not torch.cuda.is_bf16_supported():
        raise InputError("precision: this GPU has no bf16", hint="set precision: fp16, or auto")
