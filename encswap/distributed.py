"""The processes of one training: rank, world size, and what they exchange.

`torchrun` and `accelerate launch` start several; each runs the same program. Only rank 0, the main
process, writes and speaks. Rank and world size come from the environment, so that a command line
that trains nothing loads no torch; the rest is accelerate's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

VARIABLES = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
T = TypeVar("T")
P = ParamSpec("P")


def world_size() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """The number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def is_main() -> bool:
    """Tell whether this is rank 0, which writes and speaks."""
    return rank() == 0


def init() -> None:
    """Start the process group: over gloo on CPUs, over nccl on GPUs."""
    if world_size() == 1:
        return
    import torch
    from accelerate import PartialState

    PartialState(cpu=not torch.cuda.is_available())


def barrier() -> None:
    """Wait until every process is here."""
    if world_size() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def gather(part: Sequence[T]) -> list[list[T]]:
    """Give every process the parts of all, in the order of ranks."""
    if world_size() == 1:
        return [list(part)]
    from accelerate.utils import gather_object

    # accelerate joins the lists that it is given: a part in a list stays a part.
    parts: list[list[T]] = gather_object([list(part)])
    return parts


def broadcast(value: T) -> T:
    """Give every process the main one's value."""
    if world_size() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    values: list[T] = broadcast_object_list([value])
    return values[0]


def main_only(function: Callable[P, None]) -> Callable[P, None]:
    """Let only the main process do what the function does."""

    @wraps(function)
    def guarded(*arguments: P.args, **options: P.kwargs) -> None:
        if is_main():
            function(*arguments, **options)

    return guarded


@contextmanager
def main_first() -> Iterator[None]:
    """Let the main process do the work of the block before the others, who find it done."""
    if not is_main():
        barrier()
    yield
    if is_main():
        barrier()


def shard(items: Sequence[T]) -> list[T]:
    """This process's share of the items."""
    return list(items[rank() :: world_size()])


def gather_shards(parts: Sequence[T], total: int) -> list[T]:
    """Put together what each process made of its shard, in the order of the items."""
    gathered = gather(parts)
    size = world_size()
    return [gathered[place % size][place // size] for place in range(total)]
