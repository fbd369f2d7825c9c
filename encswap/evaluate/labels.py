"""The labels that a model is asked for beside those that documents mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from encswap.data.label_sets import count_labels
from encswap.domain import Example


def one_sided(asked: Sequence[str], examples: Sequence[Example]) -> dict[str, Any]:
    """Name what only one side has, as a result in JSON holds it.

    `not_asked` counts the mentions of gold labels that nobody asked for, all of them missed;
    `not_marked` lists labels that no document marks, whose recall is not measured.
    """
    marked = count_labels(examples)
    return {
        "asked": list(asked),
        "not_asked": {label: count for label, count in marked.items() if label not in asked},
        "not_marked": [label for label in asked if not marked.get(label)],
    }
