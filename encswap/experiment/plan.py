"""The plan of an experiment: a base recipe, the axes that vary, and what is left out."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from encswap.data.input import is_hub
from encswap.errors import EncswapError, InputError, PluginError, suggest
from encswap.models import spec_of
from encswap.plugins import Plugins, load_plugins
from encswap.recipe import Recipe, Strategy, describe, fault_of_field, read_recipe
from encswap.train.prepare import files_of
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
    # Strategy keep swaps nothing, so it is one cell for all encoders.
    cells = [cell for place, cell in enumerate(cells) if cell not in cells[:place]]
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
    if recipe.encoder is None and recipe.strategy != "keep":
        raise InputError("no encoder", where=path, hint="write encoders: [NAME]")
    encoder = labels.get("encoders", recipe.encoder)
    if recipe.strategy == "keep":
        recipe, encoder = without_encoder(recipe), recipe.base
    settings = {
        "encoder": _short(str(encoder)),
        "strategy": recipe.strategy,
        "embeddings": recipe.embeddings,
        **{key: value for key, value in given.items() if key not in ("encoder", "seed")},
        "size": size,
        "seed": recipe.seed,
    }
    size = None if size == "all" else size
    return Cell(_name(settings, base), settings, recipe, size)


def without_encoder(recipe: Recipe) -> Recipe:
    """The recipe of strategy keep beside a swap: the words of its encoder, and no encoder."""
    if recipe.encoder is None:
        return recipe
    words = recipe.splitter or spec_of(recipe.encoder, load_plugins()).word_splitter
    return recipe.model_copy(update={"encoder": None, "splitter": words})


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


def check_names(plan: Plan, base: Recipe, plugins: Plugins, path: Path) -> None:
    """Refuse what no plugin knows: encoders, strategies, splitters, embedding methods, data.

    Raises `InputError` with the plan's file and the nearest name.
    """
    axes = plan.axes()
    encoders = axes.get("encoders", {}).values() or filter(None, [base.encoder])
    for name in [base.base, *encoders]:
        try:
            spec_of(str(name), plugins)
        except EncswapError as error:
            told = f"{error.where}: {error.message}" if error.where else error.message
            raise InputError(told, where=path, hint=error.hint) from error
    _known("strategy", list(axes.get("strategies", {})), get_args(Strategy), path)
    splitters = list(axes.get("splitters", {})) or [base.splitter or plugins.splitter_names[0]]
    _known("splitter", splitters, plugins.splitter_names, path)
    for method in axes.get("embeddings", {base.embeddings: None}):
        refuse_unknown_method(method, plugins, path)
    for role in ("train", "test"):
        if (name := getattr(base, role)) is None and role not in plan.settings:
            raise InputError(f"no {role} documents", where=path, hint=f"set {role}: in the recipe")
        if name is not None:
            for file in files_of(name, role):
                _refuse_pipe(file, path)


def _refuse_pipe(data: Path, path: Path) -> None:
    """Refuse documents that can be read only once: every cell reads them."""
    if not (data.is_file() or data.is_dir() or is_hub(data)):
        raise InputError(
            f"{data} can be read only once, and every cell reads it",
            where=path,
            hint="write it to a file",
        )


def _known(kind: str, asked: Sequence[str], known: Sequence[str], path: Path) -> None:
    for name in asked:
        if name not in known:
            hint = suggest(name, list(known))
            raise InputError(f"unknown {kind} {name!r}", where=path, hint=hint)


def refuse_unknown_method(method: str, plugins: Plugins, path: Path) -> None:
    """Refuse an embedding method that neither encswap nor a plugin takes.

    Which methods a plugin takes is only known by asking, so it is asked with a tiny table.
    """
    from encswap.swap.embeddings import METHODS, WHOLE_TABLE

    known = [*METHODS, WHOLE_TABLE]
    if method in known:
        return
    if any("adapt_embeddings" in one.hooks for one in plugins.records.values() if one.distribution):
        try:
            _ask(method, plugins)
        except PluginError as error:
            if not error.message.startswith("no plugin took"):
                return  # taken, and not for so small a table
        except EncswapError:
            return
        else:
            return
    raise InputError(
        f"unknown embedding method {method!r}", where=path, hint=suggest(method, known)
    )


def _ask(method: str, plugins: Plugins) -> None:
    import torch

    from encswap.gliner import model as gliner
    from encswap.testing.mini.tokenizers import train_tokenizer
    from encswap.types import EmbeddingTable

    tokenizer = train_tokenizer({}, ["a b c d"])
    markers = gliner.add_markers(tokenizer)
    generator = torch.Generator().manual_seed(0)
    table = EmbeddingTable(torch.randn(len(tokenizer), 8), tokenizer, markers)
    plugins.adapt_embeddings(table, table, method, generator)
