"""Labels among prompts: how many fit beside a text, and groups of them where not all do.

The schema prompt shares the encoder's positions with the text. Labels that leave no room for text
are asked in groups, each group of every text; overlaps are resolved label by label afterwards, so
that groups are put together as if they had been asked at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from encswap.data.label_sets import count_labels
from encswap.data.tasks import KINDS, prompt_of, renamed, training_tasks
from encswap.errors import InputError
from encswap.gliner.batches import position_limit, prompt_length
from encswap.gliner.prompt_room import PromptRoom
from encswap.gliner.schema import EntitySchema
from encswap.types import Example

if TYPE_CHECKING:
    from transformers import PreTrainedModel


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


def text_budget(model: PreTrainedModel, asked: EntitySchema, max_length: int) -> int:
    """Return the subtokens of text that fit beside the prompt of these labels.

    Raises `InputError` that says how many labels would fit, where several leave less than a few
    words of text, or one leaves nothing.
    """
    return room_of(model, max_length).budget(asked)


def task_prompt(model: PreTrainedModel, example: Example, room: int) -> int:
    """Return the subtokens that an example's other tasks take of the `room` for its text.

    Raises `InputError` that names the example where they leave nothing.
    """
    tasks = prompt_of(training_tasks(example, lambda _: True)) if example.tasks else {}
    if not any(tasks.get(kind) for kind in KINDS):
        return 0
    taken = max(prompt_length(model, (), {}, one) for one in (tasks, renamed(tasks)))
    if taken >= room:
        raise InputError(
            f"the tasks of {example.id!r} take {taken} subtokens of a prompt, and {room} are left",
            hint="ask for fewer classes and fields, or shorten what is said of them",
        )
    return taken


def fitting(model: PreTrainedModel, asked: EntitySchema, max_length: int) -> int:
    """Count how many of the labels, from the first on, fit beside a text in one prompt."""
    return room_of(model, max_length).fitting(asked)


def divide(model: PreTrainedModel, asked: EntitySchema, max_length: int) -> list[EntitySchema]:
    """Divide the labels, in their order, into as few groups as fit beside a text; often into one.

    A label that alone leaves less is a group of its own. Raises `InputError` where a label alone
    leaves no room at all.
    """
    return room_of(model, max_length).divide(asked)


def room_of(model: PreTrainedModel, max_length: int) -> PromptRoom:
    """The room that a model has for prompt and text."""
    limit = position_limit(model, max_length)
    return PromptRoom(limit, max_length, partial(prompt_length, model))
