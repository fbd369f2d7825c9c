"""The plan of an experiment: a base recipe, the axes that vary, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from encswap.errors import InputError, suggest
from encswap.recipe import Recipe, read_recipe
from encswap.yaml_files import numbered, read_mapping

Size = Annotated[int, Field(ge=2)] | Literal["all"]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
FIELDS = {
    "encoders": "encoder",
    "strategies": "strategy",
    "embeddings": "embeddings",
    "splitters": "splitter",
    "sizes": "size",
    "seeds": "seed",
}
"""The axes that have a name of their own, with the setting that each varies."""


class Plan(BaseModel):
    """What a person writes: every cell of the grid is one run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: str | Mapping[str, Any] = Field(
        default_factory=dict, description="a recipe file beside the plan, or settings"
    )
    layers: tuple[str, ...] = Field((), description="shipped recipes below it, such as mini")
    encoders: tuple[str, ...] | Mapping[str, str] = Field((), description="or {name: source}")
    strategies: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    splitters: tuple[str, ...] = ()
    sizes: tuple[Size, ...] = Field((), description="training documents, dev counted in")
    seeds: tuple[Seed, ...] = ()
    settings: Mapping[str, tuple[Any, ...]] = Field(
        default_factory=dict, description="any other fields of the recipe, with their values"
    )
    exclude: tuple[Mapping[str, Any], ...] = Field((), description="{axis: value or values}")
    parts: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=dict, description="{part: {axis: value or values}}"
    )

    def axes(self) -> dict[str, dict[str, Any]]:
        """Every axis that is given: its values by the label that stands in rules and results."""
        named = {key: getattr(self, key) for key in FIELDS}
        given = {**{key: values for key, values in named.items() if values}, **self.settings}
        return {
            key: dict(values) if isinstance(values, Mapping) else {_label(v): v for v in values}
            for key, values in given.items()
        }


def _label(value: Any) -> str:
    """How a value is written in a rule, a name and a table."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return "+".join(map(_label, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_plan(path: Path) -> Plan:
    """Read a plan; an `InputError` names the file and the key, with the nearest known key."""
    values = _read(path)
    for key in values:
        if key not in Plan.model_fields:
            hint = suggest(str(key), list(Plan.model_fields))
            raise InputError(f"unknown key {key!r}", where=path, hint=hint)
    try:
        plan = Plan.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field, *inner = first["loc"]
        place = ".".join([str(field), *(str(part) for part in inner if isinstance(part, int))])
        told = f"{place}: {first['msg'].lower()}, got {first['input']!r}"
        raise InputError(told, where=path, hint="see docs/experiment.md") from error
    _refuse_bad_rules(plan, path)
    return plan


def base_recipe(plan: Plan, path: Path) -> Recipe:
    """The recipe that every cell starts from."""
    for layer in plan.layers:
        if layer not in (known := _shipped()):
            raise InputError(f"unknown layer {layer!r}", where=path, hint=suggest(layer, known))
    if isinstance(plan.recipe, str):
        return read_recipe(path.parent / plan.recipe, layers=plan.layers)
    for field in plan.recipe:
        _refuse_field(field, path)
    try:
        return read_recipe(overrides=numbered(plan.recipe), layers=plan.layers)
    except InputError as error:
        raise InputError(error.message, where=path, hint=error.hint) from error


def _shipped() -> list[str]:
    from encswap.recipe import RECIPES

    return [path.stem for path in RECIPES.glob("*.yaml")]


def _read(path: Path) -> dict[str, Any]:
    values = read_mapping(path, "plan", hint="write lines like seeds: [1, 2, 3]")
    settings = values.get("settings")
    return {**values, "settings": numbered(settings)} if isinstance(settings, dict) else values


def _refuse_field(field: str, path: Path) -> None:
    if field not in Recipe.model_fields:
        hint = suggest(field, list(Recipe.model_fields))
        raise InputError(f"unknown setting {field!r}", where=path, hint=hint)


def _refuse_bad_rules(plan: Plan, path: Path) -> None:
    own = {field: axis for axis, field in FIELDS.items() if field in Recipe.model_fields}
    for field, values in plan.settings.items():
        _refuse_field(field, path)
        if field in own:
            raise InputError(f"{field} has an axis of its own", where=path, hint=own[field])
        if not values:
            raise InputError(f"settings: {field} has no value", where=path)
    axes = plan.axes()
    for what, rules in (("exclude", plan.exclude), ("parts", tuple(plan.parts.values()))):
        for rule in rules:
            for axis, wanted in rule.items():
                if axis not in axes:
                    hint = suggest(axis, list(axes))
                    raise InputError(f"{what}: {axis!r} is no axis here", where=path, hint=hint)
                for value in labels_of_rule(wanted):
                    if value not in axes[axis]:
                        hint = suggest(value, list(axes[axis]))
                        told = f"{what}: {axis} has no {value!r}"
                        raise InputError(told, where=path, hint=hint)


def labels_of_rule(wanted: Any) -> list[str]:
    """The labels that a rule names: one value, or a list of them."""
    values = numbered(wanted)
    return [_label(one) for one in values] if isinstance(values, list | tuple) else [_label(values)]
