"""The labels that a model is asked for beside those that documents mark."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encswap.domain import Example, labels_of
from encswap.errors import InputError


@dataclass(frozen=True)
class LabelComparison:
    """What only one side has: gold labels with their mentions, and labels that nothing marks.

    `near` names, for a gold label that is not asked for, the asked one that differs from it by
    case, spacing or Unicode form alone.
    """

    asked: tuple[str, ...]
    not_asked: Mapping[str, int]
    not_marked: tuple[str, ...]
    near: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """What a result in JSON holds of it."""
        return {
            "asked": list(self.asked),
            "not_asked": dict(self.not_asked),
            "not_marked": list(self.not_marked),
            "near": dict(self.near),
        }


def compare_labels(asked: Sequence[str], examples: Sequence[Example]) -> LabelComparison:
    """Compare the labels that are asked for with those of the documents' gold."""
    marked = Counter(mention.label for example in examples for mention in example.mentions)
    marked.update(gold.label for example in examples for gold in example.unlocated)
    named = labels_of(examples)
    bare = {_bare(label): label for label in asked}
    not_asked = {label: marked[label] for label in named if label not in asked}
    return LabelComparison(
        asked=tuple(asked),
        not_asked=not_asked,
        not_marked=tuple(label for label in asked if not marked[label]),
        near={label: bare[_bare(label)] for label in not_asked if _bare(label) in bare},
    )


def refuse_strangers(found: LabelComparison, where: str) -> None:
    """Refuse documents none of whose gold labels is asked for: every score would be zero."""
    gold = {label: count for label, count in found.not_asked.items() if count}
    if not gold or len(found.not_marked) < len(found.asked):
        return
    theirs, ours = ", ".join(map(repr, gold)), ", ".join(map(repr, found.asked))
    alike = "; ".join(f"{one!r} and {other!r} differ by case or spacing" for one, other in
                      found.near.items())  # fmt: skip
    raise InputError(
        f"marks {theirs}, and the model is asked for {ours}: no label meets",
        where=where,
        hint=f"{alike}; write them alike" if alike else "ask for the documents' own with --label",
    )


def _bare(label: str) -> str:
    folded = unicodedata.normalize("NFKC", label).casefold()
    return "".join(char for char in folded if char.isalnum())
