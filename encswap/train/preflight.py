"""What can only fail is refused before a model is loaded: cheap checks before dear ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from encswap.data.units import CachedSplitter, Coverage, measure_coverage, suggest_max_width
from encswap.domain import EncoderSpec, Example
from encswap.errors import InputError
from encswap.plugins import Plugins
from encswap.recipe import Recipe
from encswap.train.aligning import refuse_alignment
from encswap.train.arguments import refuse_precision, trackers


@dataclass(frozen=True)
class Units:
    """A run's word splitter, and what its units can express of the training documents."""

    splitter: CachedSplitter
    name: str
    coverage: Coverage
    width: int

    def refuse_low_coverage(self, recipe: Recipe, plugins: Plugins) -> None:
        """Refuse to train on gold that cannot be expressed: it would be trained as absent."""
        share = self.coverage.share(self.width)
        if share < recipe.min_coverage and not recipe.allow_low_coverage:
            others = ", ".join(one for one in plugins.splitter_names if one != self.name)
            raise InputError(
                f"splitter {self.name!r} at width {self.width} can express {share:.1%} of the "
                f"training mentions, less than {recipe.min_coverage:.0%}; the rest would be "
                "trained as absent",
                hint=f"choose another --splitter ({others}) or pass --allow-low-coverage",
            )


def check_settings(recipe: Recipe) -> None:
    """Refuse a recipe that this machine cannot run: trackers, precision, alignment."""
    trackers(recipe)
    refuse_precision(recipe)
    refuse_alignment(recipe)


def build_units(
    recipe: Recipe,
    plugins: Plugins,
    spec: EncoderSpec,
    train: tuple[Example, ...],
    *,
    others: tuple[Example, ...] = (),
    splitter: CachedSplitter | None = None,
) -> Units:
    """Build the recipe's splitter and measure what it expresses of the training documents.

    `splitter` is the recipe's, where another run has cut texts with it already.
    """
    name = recipe.splitter or spec.word_splitter
    splitter = splitter or CachedSplitter(plugins.splitter(name, **recipe.splitter_options))
    splitter.prepare([example.text for example in (*train, *others)])
    coverage = measure_coverage(train, splitter)
    width = suggest_max_width(coverage) if recipe.max_width == "auto" else recipe.max_width
    return Units(splitter, name, coverage, width)


def has_widths(base: str | Path) -> bool | None:
    """Whether a base's head scores spans up to a width, by its config alone; None if not known."""
    if base == "mini":
        return True
    try:
        config = json.loads((Path(base) / "config.json").read_text(encoding="utf-8"))
        return str(config.get("architecture", "span")) == "span"
    except (OSError, ValueError, AttributeError):
        return None
