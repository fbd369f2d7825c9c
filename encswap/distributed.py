"""The processes of one training: which is the main one, and what they tell each other.

`torchrun` and `accelerate launch` start several; each runs the same program. Only the main process
writes and speaks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

VARIABLES = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
T = TypeVar("T")
P = ParamSpec("P")


def count() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def index() -> int:
    """The number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def is_main() -> bool:
    """Tell whether this process writes and speaks."""
    return index() == 0


def join() -> None:
    """Meet the other processes: over gloo on CPUs, over nccl on GPUs."""
    if count() == 1:
        return
    import torch
    from accelerate import PartialState

    PartialState(cpu=not torch.cuda.is_available())


def wait() -> None:
    """Wait until every process is here."""
    if count() > 1:
        import torch.distributed as dist

        dist.barrier()


def gather(part: Sequence[T]) -> list[list[T]]:
    """Give every process the parts of all, in the order of processes."""
    if count() == 1:
        return [list(part)]
    import torch.distributed as dist

    parts: list[Any] = [None] * count()
    dist.all_gather_object(parts, list(part))
    return parts


def agree(value: T) -> T:
    """Give every process the main one's value."""
    return gather([value])[0][0]


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
        wait()
    yield
    if is_main():
        wait()


def shared(items: Sequence[T]) -> list[T]:
    """This process's share of the items."""
    return list(items[index() :: count()])


def together(parts: Sequence[T], total: int) -> list[T]:
    """Put together what each process made of its share, in the order of the items."""
    gathered = gather(parts)
    return [gathered[place % count()][place // count()] for place in range(total)]
