"""Concurrent requests gathered into batches: one thread asks the model, others wait for answers."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from encswap.errors import EncswapError, one_line
from encswap.types import Prediction

if TYPE_CHECKING:
    from encswap.api import Extractor

Answer = list[list[Prediction]]


class BusyError(EncswapError):
    """So many texts wait that a new one would wait too long."""


class ClosedError(EncswapError):
    """The server is shutting down and takes no more requests."""


@dataclass(frozen=True)
class Question:
    """What may share a batch: the same labels, threshold and flatness."""

    labels: tuple[str, ...] = ()
    threshold: float | None = None
    flat: bool = False


@dataclass
class _Job:
    texts: Sequence[str]
    question: Question
    answer: Future[Answer] = field(default_factory=Future)


class Batcher:
    """Asks a model in batches of at most `most` texts, from one thread.

    A batch takes what waits already; the first text of one waits at most `wait` seconds for others.
    `depth` texts may wait in all. Errors of a batch are found again one request at a time, so that
    a bad request never fails its neighbours.
    """

    def __init__(
        self, model: Extractor, *, most: int = 32, wait: float = 0.004, depth: int = 2048
    ) -> None:
        self.model, self.most, self.wait, self.depth = model, most, wait, depth
        self.batches = self.texts = 0
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._held: _Job | None = None
        self._size, self._closed = 0, False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="encswap batches")
        self._thread.start()

    @property
    def size(self) -> int:
        """Texts that wait or are being answered."""
        return self._size

    def submit(self, texts: Sequence[str], question: Question) -> Future[Answer]:
        """Ask; the future holds what was found in each text.

        Raises `BusyError` where too many texts wait, `ClosedError` after `close`.
        """
        job = _Job(texts, question)
        with self._lock:
            if self._closed:
                raise ClosedError("the server is shutting down")
            if self._size and self._size + len(texts) > self.depth:
                raise BusyError(f"{self._size} texts wait already", hint="try again later")
            self._size += len(texts)
            self._waiting.put(job)
        return job.answer

    def close(self) -> None:
        """Take no more, answer everything that was accepted, and end."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._next()) is not None:
            batch = [first, *self._others(first)]
            # Who has stopped waiting is not asked for; from here on nobody can stop.
            asked = [one for one in batch if one.answer.set_running_or_notify_cancel()]
            if asked:
                self._answer(asked)
            with self._lock:
                self._size -= sum(len(one.texts) for one in batch)

    def _next(self) -> _Job | None:
        held, self._held = self._held, None
        return held if held is not None else self._waiting.get()

    def _others(self, first: _Job) -> list[_Job]:
        """Collect jobs with the same question; the first of another one begins the next batch."""
        found, size = [], len(first.texts)
        until = time.monotonic() + self.wait
        while size < self.most:
            try:
                job = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if job is None:
                self._waiting.put(None)  # the end, for `_next`
                break
            if job.question != first.question:
                self._held = job
                break
            found.append(job)
            size += len(job.texts)
        return found

    def _answer(self, batch: Sequence[_Job]) -> None:
        try:
            self._ask(batch)
        except BaseException as error:
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            for one in batch:
                self._answer([one])

    def _ask(self, batch: Sequence[_Job]) -> None:
        texts = [text for one in batch for text in one.texts]
        question = batch[0].question
        found = self.model.predict(
            texts,
            question.labels or None,
            threshold=question.threshold,
            flat=question.flat,
            batch_size=self.most,
        )
        if len(found) != len(texts):
            raise EncswapError(f"the model answered {len(found)} of {len(texts)} texts")
        self.batches += 1
        self.texts += len(texts)
        start = 0
        for one in batch:
            one.answer.set_result(found[start : start + len(one.texts)])
            start += len(one.texts)


def as_error(error: BaseException) -> str:
    """An error as one line for a client."""
    return one_line(error)
