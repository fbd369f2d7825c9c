"""How many labels fit beside a text in one prompt, and groups of them where not all do."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from encswap.errors import InputError
from encswap.gliner.schema import EntitySchema

LEAST_TEXT = 32
"""Subtokens of text that a prompt of several labels must leave, a quarter where there are few."""


@dataclass(frozen=True)
class PromptRoom:
    """The subtokens that an encoder takes at once, and what a prompt costs of them.

    `length(labels, descriptions)` counts the subtokens of a prompt; `limit` is what the encoder
    takes, at most `max_length`.
    """

    limit: int
    max_length: int
    length: Callable[[Sequence[str], Mapping[str, str]], int]

    def budget(self, asked: EntitySchema) -> int:
        """Return the subtokens of text that fit beside the prompt of these labels.

        Raises `InputError` that says how many labels would fit, where several leave less than a
        few words of text, or one leaves nothing.
        """
        limit = self.limit
        budget = limit - self.length(asked.labels, asked.descriptions)
        if budget >= (self._least if len(asked.labels) > 1 else 1):
            return budget
        if len(asked.labels) < 2:
            shown = "".join(asked.labels)
            raise InputError(
                f"the label {shown[:60]!r} takes {limit - budget} of the {limit} subtokens "
                "that fit at once, so there is no room for text",
                hint=self._way_out(asked, "shorten the label"),
            )
        raise InputError(
            f"{len(asked.labels)} labels take {limit - budget} of the {limit} subtokens that fit "
            f"at once: {self.fitting(asked)} of them fit beside a text",
            hint=self._way_out(asked, "take fewer labels"),
        )

    def fitting(self, asked: EntitySchema) -> int:
        """Count how many of the labels, from the first on, fit beside a text in one prompt."""
        return bisect_right(
            range(1, len(asked.labels) + 1),
            self.limit - self._least,
            key=lambda count: self.length(asked.labels[:count], asked.descriptions),
        )

    def divide(self, asked: EntitySchema) -> list[EntitySchema]:
        """Divide the labels, in their order, into as few groups as fit beside a text.

        A label that alone leaves less is a group of its own. Raises `InputError` where a label
        alone leaves no room at all.
        """
        groups: list[EntitySchema] = []
        left = asked
        while left.labels:
            count = max(1, self.fitting(left))
            groups.append(replace(left, labels=left.labels[:count]))
            left = replace(left, labels=left.labels[count:])
        for group in groups:
            self.budget(group)
        return groups or [asked]

    @property
    def _least(self) -> int:
        return min(LEAST_TEXT, self.limit // 4)

    def _way_out(self, asked: EntitySchema, first: str) -> str:
        ways = [first]
        if set(asked.labels) & set(asked.descriptions):
            ways.append("leave their descriptions out")
        if self.limit == self.max_length:
            ways.append(f"raise max_length, which is {self.max_length}")
        elif len(asked.labels) > 1:
            ways.append("take an encoder with more positions")
        return ", or ".join(ways)
