"""Running a plugin's code so that its accidents cost only itself: limits, output, waiting.

A plugin is code with the user's rights. This guards against what goes wrong, not against malice.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any, TypeVar

from encswap.errors import InputError

T = TypeVar("T")
TIMEOUT_VARIABLE = "ENCSWAP_PLUGIN_TIMEOUT"
LOAD_SECONDS = 20.0
CHECK_FACTOR = 15
NOTICE_SECONDS = 10.0
_STRAYS: set[threading.Thread] = set()


def load_seconds() -> float:
    """How long a plugin may take to be imported and registered."""
    text = os.environ.get(TIMEOUT_VARIABLE, "").strip()
    try:
        seconds = float(text) if text else LOAD_SECONDS
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < 1e6:
        raise InputError(
            f"{text!r} is no number of seconds", where=TIMEOUT_VARIABLE, hint="write for example 20"
        )
    return seconds


def check_seconds() -> float:
    """How long one call of `check_compatibility` may take."""
    return CHECK_FACTOR * load_seconds()


def limited(call: Callable[[], T], seconds: float | None, what: str) -> T:
    """Return what `call` returns; `TimeoutError` after so many seconds, None sets no limit.

    The thread that is given up on is a daemon: it ends with the process. Whatever it raises, also
    `SystemExit`, is raised here.
    """
    if seconds is None:
        return call()
    worker = _WORKERS.take()
    job = worker.begin(call)
    done = job.finished.acquire(timeout=min(seconds, NOTICE_SECONDS))
    if not done and seconds > NOTICE_SECONDS:
        warn(f"encswap: waiting for {what}, for at most {seconds:g} s")
        done = job.finished.acquire(timeout=seconds - NOTICE_SECONDS)
    if not done:
        _STRAYS.add(worker.thread)
        raise TimeoutError(f"took longer than {seconds:g} s and was given up ({TIMEOUT_VARIABLE})")
    _WORKERS.put(worker)
    if job.error is not None:
        raise job.error
    result: T = job.result
    return result


class _Job:
    """A call in another thread, and what came of it."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call = call
        self.finished = threading.Semaphore(0)
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.call()
        except BaseException as error:
            self.error = error
        self.finished.release()


class _Worker:
    """A daemon thread that runs one call after another: to start one for each costs more."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self.thread = threading.Thread(target=self._serve, name="encswap plugins", daemon=True)
        self.thread.start()

    def begin(self, call: Callable[[], Any]) -> _Job:
        job = _Job(call)
        self._jobs.put(job)
        return job

    def _serve(self) -> None:
        while True:
            self._jobs.get().run()


class _Workers:
    """The workers that wait; threads do not survive a fork, so a child begins with none."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._process = os.getpid()

    def take(self) -> _Worker:
        if self._process != os.getpid():
            self._idle, self._process = [], os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return _Worker()

    def put(self, worker: _Worker) -> None:
        self._idle.append(worker)


_WORKERS = _Workers()


def warn(text: str) -> None:
    """Say something in the log, which ends on stderr where nobody set up another place."""
    import logging

    logging.getLogger("encswap.plugins").warning(text)


@contextlib.contextmanager
def noticed(what: str) -> Iterator[None]:
    """Say in the log, which ends on stderr, what is waited for: after 10 s, then less often."""
    done = threading.Event()

    def watch() -> None:
        pause = waited = NOTICE_SECONDS
        while not done.wait(pause):
            warn(f"encswap: waiting for {what} since {waited:.0f} s")
            pause, waited = 2 * pause, waited + 2 * pause

    timer = threading.Thread(target=watch, daemon=True)
    timer.start()
    try:
        yield
    finally:
        done.set()


class Shield:
    """What stands for stdout while plugins run: their words go to stderr, and are noticed.

    Results alone belong on stdout. The calls of several threads may overlap: the first puts it up,
    the last takes it down. Closing it closes nothing.
    """

    def __init__(self) -> None:
        self.used = False
        self._lock = threading.Lock()
        self._depth = 0
        self._real: Any = None

    def write(self, text: str) -> int:
        """Write to stderr."""
        self.used = True
        return sys.stderr.write(text)

    def close(self) -> None:
        """Stay open."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)

    @contextlib.contextmanager
    def up(self) -> Iterator[None]:
        """Stand for stdout for a while."""
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._real, sys.stdout = sys.stdout, self
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1
                if self._depth == 0:
                    sys.stdout, self._real = _without_strays(self._real), None


SHIELD = Shield()
_DESCRIPTOR_LOCK = threading.Lock()


@contextlib.contextmanager
def descriptor_shielded() -> Iterator[None]:
    """Send to stderr what C libraries and child processes write on stdout.

    Where it is up already, or there is no such descriptor, nothing is done.
    """
    if not _DESCRIPTOR_LOCK.acquire(blocking=False):
        yield
        return
    kept = None
    try:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            kept = os.dup(1)
            os.dup2(2, 1)
        yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)
        _DESCRIPTOR_LOCK.release()


class _WithoutStrays:
    """The real stdout for everybody but threads that were given up on: theirs goes to stderr."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def write(self, text: str) -> int:
        stray = threading.current_thread() in _STRAYS
        written: int = (sys.stderr if stray else self._real).write(text)
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _without_strays(real: Any) -> Any:
    return _WithoutStrays(real) if _STRAYS and not isinstance(real, _WithoutStrays) else real
