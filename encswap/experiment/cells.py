"""From a plan to its cells: every combination that is not excluded, with a name and a recipe."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from encswap.errors import InputError, suggest
from encswap.experiment.plan import FIELDS, Plan, labels_of_rule
from encswap.recipe import Recipe, describe, fault_of_field

Labels = Mapping[str, str]
LONGEST = 40


@dataclass(frozen=True)
class Cell:
    """One run of the grid: `settings` as results show them, the recipe that is run.

    `size` is the count of training documents, None for all of them.
    """

    name: str
    settings: Mapping[str, Any]
    recipe: Recipe
    size: int | None = None


def cells_of(plan: Plan, base: Recipe, path: Path, part: str | None = None) -> list[Cell]:
    """Every cell of a plan, or of one of its parts, in the order of the axes.

    Raises `InputError` where a setting is wrong, where nothing is left, or where the names of two
    cells are equal.
    """
    rule = _part(plan, part, path)
    axes = plan.axes()
    cells = [
        _cell(axes, labels, base, path)
        for labels in _combinations(axes)
        if _matches(labels, rule) and not any(_matches(labels, one) for one in plan.exclude)
    ]
    if not cells:
        raise InputError("leaves no cell", where=path, hint="take an exclude rule out")
    names = [cell.name for cell in cells]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"two cells are called {name}",
                where=path,
                hint="name the encoders: encoders: {one: FOLDER, other: FOLDER}",
            )
    return cells


def _part(plan: Plan, part: str | None, path: Path) -> Mapping[str, Any]:
    if part is None:
        return {}
    if part not in plan.parts:
        hint = suggest(part, list(plan.parts))
        raise InputError(f"has no part {part!r}", where=path, hint=hint)
    return plan.parts[part]


def _combinations(axes: Mapping[str, Mapping[str, Any]]) -> Iterator[Labels]:
    for chosen in itertools.product(*(values for values in axes.values())):
        yield dict(zip(axes, chosen, strict=True))


def _matches(labels: Labels, rule: Mapping[str, Any]) -> bool:
    return all(labels[axis] in labels_of_rule(wanted) for axis, wanted in rule.items())


def _cell(axes: Mapping[str, Mapping[str, Any]], labels: Labels, base: Recipe, path: Path) -> Cell:
    given = {FIELDS.get(axis, axis): axes[axis][label] for axis, label in labels.items()}
    size = given.pop("size", "all")
    try:
        recipe = Recipe.model_validate({**base.model_dump(), **given})
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        raise InputError(
            fault_of_field(error, given), where=path, hint=f"{field} is: {describe(field)}"
        ) from error
    if recipe.encoder is None:
        raise InputError("no encoder", where=path, hint="write encoders: [NAME]")
    encoder = labels.get("encoders", recipe.encoder)
    settings = {
        "encoder": _short(encoder),
        "strategy": recipe.strategy,
        "embeddings": recipe.embeddings,
        **{key: value for key, value in given.items() if key not in ("encoder", "seed")},
        "size": size,
        "seed": recipe.seed,
    }
    size = None if size == "all" else size
    return Cell(_name(settings, base), settings, recipe, size)


def _short(encoder: str) -> str:
    """An encoder's name: of a folder or a hub id the last part."""
    return encoder.rstrip("/").rpartition("/")[2] or encoder


def _name(settings: Mapping[str, Any], base: Recipe) -> str:
    """A name that does not change when the plan grows: who, how, how much, which seed, what else.

    What is as in the base recipe is not named.
    """
    parts = [settings["encoder"], settings["strategy"], f"n{settings['size']}"]
    for field, value in settings.items():
        if field in ("encoder", "strategy", "size", "seed") or value == getattr(base, field):
            continue
        parts.append(f"{field}={_slug(value)}")
    return "-".join(_slug(part) for part in [*parts, f"s{settings['seed']}"])


def _slug(value: Any) -> str:
    text = re.sub(r"[^\w.=+-]+", "-", f"{value:g}" if isinstance(value, float) else str(value))
    if len(text) <= LONGEST:
        return text.strip("-.")
    return f"{text[: LONGEST - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
