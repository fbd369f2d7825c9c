"""A time limit on a call that nothing can interrupt."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class CallTimeoutError(TimeoutError):
    """The call did not return in time; it goes on in its thread, unheard."""


def call_within(seconds: float, call: Callable[[], T]) -> T:
    """Return what `call` returns, or raise what it raises; `CallTimeoutError` after `seconds`.

    The call runs in a thread of its own. Python cannot end a thread, so one that takes too long is
    left behind: it is a daemon and ends with the process.
    """
    outcome: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put((call(), None))
        except BaseException as error:
            outcome.put((None, error))

    threading.Thread(target=run, name="encswap call", daemon=True).start()
    try:
        result, error = outcome.get(timeout=seconds)
    except Empty:
        raise CallTimeoutError(f"took longer than {seconds:g} s") from None
    if error is not None:
        raise error
    returned: T = result
    return returned
