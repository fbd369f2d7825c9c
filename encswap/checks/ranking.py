"""The order of the selected: a product of figures, the lowest first, with its rule in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TypeVar

T = TypeVar("T")


def rank(
    candidates: Sequence[tuple[T, Mapping[str, float | None]]], figures: Sequence[str]
) -> tuple[list[T], str]:
    """Order candidates by the product of their figures; say by which rule it was done."""
    known = [
        name for name in figures if all(values.get(name) is not None for _, values in candidates)
    ]
    left_out = [name for name in figures if name not in known]
    ordered = sorted(
        candidates, key=lambda one: prod(one[1][name] or 0.0 for name in known) if known else 0.0
    )
    return [one for one, _ in ordered], _rule(known, left_out)


def _rule(known: Sequence[str], left_out: Sequence[str]) -> str:
    words = {"subtokens-per-word": "subtokens per word"}
    by = " × ".join(words.get(name, name) for name in known) or "nothing"
    rule = f"the selected are ranked by {by}, the lowest first"
    if left_out:
        missing = ", ".join(words.get(name, name) for name in left_out)
        rule += f" ({missing} not measured for all of them)"
    return rule
