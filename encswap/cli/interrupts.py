"""An interrupt ends a command in one line, however often the key is pressed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

PATIENCE = 3.0
"""Seconds that a command has to put things down before another interrupt is heard."""
CODE = 130


class Heard:
    """When the last interrupt was taken; 0 where there was none."""

    at = 0.0


def listen() -> None:
    """Raise at an interrupt once, and let those that follow at once pass while it unwinds."""
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _leave_at_once):
        signal.signal(signal.SIGINT, _raise_once)
        sys.unraisablehook = _hear_again


def _hear_again(ignored: Any, /) -> None:
    """Raise an interrupt again that came inside a destructor, where Python drops exceptions."""
    if not issubclass(ignored.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(ignored)
        return
    Heard.at = 0.0
    # Not from here: what this hook raises is dropped too.
    threading.Thread(target=_signal_until_heard, daemon=True).start()


def _signal_until_heard() -> None:
    """Signal the main thread: once more where it was about to sleep, which a signal then ends."""
    while not Heard.at:
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)


def _raise_once(_number: int, _frame: Any) -> None:
    now = time.monotonic()
    if Heard.at and now - Heard.at < PATIENCE:
        return
    Heard.at = now
    raise KeyboardInterrupt


def was_heard() -> bool:
    """Tell whether this command was interrupted.

    A library may turn the interrupt into an error of its own: numpy does where it is being loaded.
    """
    return bool(Heard.at)


def leave_at_once() -> None:
    """While the command line is loaded: end at an interrupt with one line."""
    if _is_the_program() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave_at_once)


def _is_the_program() -> bool:
    """Tell whether this process is `encswap` or `python -m encswap`, not a program that uses it."""
    called = Path(sys.argv[0])
    return called.stem == "encswap" or called.parent.name == "encswap"


def _leave_at_once(_number: int, _frame: Any) -> None:
    sys.stderr.write("encswap: interrupted\n")
    leave()


def leave(code: int = CODE) -> NoReturn:
    """End the process without what Python does at its end, where an interrupt is a traceback."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)
