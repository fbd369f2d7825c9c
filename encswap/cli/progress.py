"""Progress of long work on stderr: bars on a terminal, a line per epoch elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from encswap.cli.output import console, is_quiet, is_terminal, note
from encswap.distributed import is_main
from encswap.escaping import printable

if TYPE_CHECKING:
    from encswap.types import Epoch

PACE = 10.0
"""Seconds between two lines of progress on stderr."""


FIRST_LINE = 3.0
"""Seconds of training before the first line of steps; each later one waits twice as long."""


class TerminalWatcher:
    """Draws a run: one bar for the steps with loss, dev F1 and time left, a line per epoch.

    Where there is no terminal, lines of steps stand between those of epochs, fewer and fewer.
    """

    def __init__(self, bar: Any = None) -> None:
        self.bar = bar
        self.task: Any = None
        self.dev_f1: float | None = None
        self.done = self.total = 0
        self.pace = Steps()

    def stage(self, name: str) -> None:
        """Say what begins."""
        if self.bar is None:
            note(f"{name} …")
            self.pace = Steps()
        else:
            self._close()
            self.task = self.bar.add_task(printable(name), total=None, detail="")

    def step(self, done: int, total: int, loss: float) -> None:
        """Move the bar, or write a line from time to time."""
        self.done, self.total = done, total
        if self.bar is None:
            if (left := self.pace.after(done, total)) is not None:
                from encswap.train.cost import format_seconds

                rest = format_seconds(left)
                self._say(f"step {done}/{total}  loss {loss:.2f}  about {rest} of training left")
        elif self.task is not None:
            score = f"  dev F1 {self.dev_f1:.3f}" if self.dev_f1 is not None else ""
            detail = f"loss {loss:.2f}{score}"
            self.bar.update(self.task, completed=done, total=total, detail=detail)

    def epoch(self, record: Epoch, improved: bool) -> None:
        """Report an epoch."""
        if record.threshold:
            self.dev_f1 = record.dev_f1
            mark = "  best so far" if improved else ""
            # The first epoch is always kept; where nothing is found it is no best of anything.
            mark = mark if record.dev_f1 else "  nothing right yet"
            self._say(
                f"{self._number(record.epoch)}  loss {record.train_loss:8.3f}  "
                f"dev F1 {record.dev_f1:.4f} at {record.threshold:g}  "
                f"{record.seconds:.1f} s{mark}"
            )
        else:
            self._say(f"{self._number(record.epoch)}  loss {record.train_loss:8.3f}")

    def _number(self, epoch: int) -> str:
        """An epoch's number and how many there are: the last step tells both."""
        epochs = round(self.total * epoch / self.done) if self.done else 0
        return f"epoch {epoch:>{len(str(epochs))}}/{epochs}" if epochs else f"epoch {epoch:>2}"

    def stopped(self, reason: str) -> None:
        """Say why training ends early."""
        self._say(f"stopped: {reason}")

    def remark(self, text: str) -> None:
        """Say what a reader of the scores must know."""
        self._say(f"note: {text}")

    def _say(self, line: str) -> None:
        if self.bar is None:
            note(line)
        else:
            self.bar.console.print(printable(line), markup=False)

    def _close(self) -> None:
        if self.task is not None:
            self.bar.remove_task(self.task)
            self.task = None


class Steps:
    """Says when a line of steps is due, and how long the rest of them takes."""

    def __init__(self) -> None:
        self.began: float | None = None
        self.first = 0
        self.due = FIRST_LINE

    def after(self, done: int, total: int) -> float | None:
        """Seconds that are left after a step, where a line is due; the first step is not timed."""
        now = time.monotonic()
        if self.began is None:
            self.began, self.first = now, done
        passed = now - self.began
        if passed < self.due or done == self.first:
            return None
        self.due = 2 * passed
        return passed / (done - self.first) * (total - done)


class SilentWatcher(TerminalWatcher):
    """Says nothing: the main process speaks for all."""

    def stage(self, name: str) -> None:
        """Say nothing."""

    def _say(self, line: str) -> None:
        """Say nothing."""


class Pace:
    """Says on stderr how much is done, at most every few seconds."""

    def __init__(self) -> None:
        self.done = self.scored = 0
        self.began = self.last = time.monotonic()

    def windows(self, count: int) -> None:
        """Count windows that were scored."""
        if not self.scored:
            self.began = time.monotonic()
        self.scored += count
        self._say()

    def document(self) -> None:
        """Count a document that was answered."""
        self.done += 1
        self._say()

    def _say(self) -> None:
        now = time.monotonic()
        if now - self.last >= PACE:
            self.last = now
            done = f"documents answered: {self.done:,}, " if self.done else ""
            note(f"{done}windows scored: {self.scored:,}{self._rate(now)} …")

    def _rate(self, now: float) -> str:
        """Documents a second since the first windows, loading left out."""
        passed = now - self.began
        return f", {self.done / passed:.1f} documents/s" if self.done and passed > 0 else ""


@contextmanager
def watching() -> Iterator[TerminalWatcher]:
    """Give a watcher that suits where stderr goes."""
    quiet_libraries()
    if not is_main() or is_quiet():
        yield SilentWatcher()
        return
    if not is_terminal(stderr=True):
        yield TerminalWatcher()
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeRemainingColumn(),
        console=console(stderr=True),
        transient=True,
    ) as bar:
        yield TerminalWatcher(bar)


def quiet_libraries() -> None:
    """Keep library chatter off the terminal; warnings that matter are errors of encswap."""
    import logging
    import os
    import warnings

    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if "transformers" in sys.modules:
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
    for name in ("gliner2", "transformers", "accelerate"):
        if logging.getLogger("encswap").level not in (logging.DEBUG, logging.INFO):
            logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning)
