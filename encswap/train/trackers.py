"""Which trackers a recipe names, and whether they are installed; nothing heavy is imported."""

from __future__ import annotations

import importlib.util

from encswap.errors import InputError
from encswap.recipe import Recipe

TRACKER_PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}


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
