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
    """Resolve `auto`: bf16 where the device has it, else fp16 on a GPU, else float32."""
    if not torch.cuda.is_available():
        return "fp32"
    if recipe.precision != "auto":
        return recipe.precision
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
