"""How a run goes on: its epochs so far, what was best, and who is told."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Protocol

from pydantic import Field


@dataclass(frozen=True)
class Epoch:
    """One epoch's line in `metrics.json`; `seconds` spans training and scoring."""

    epoch: Annotated[int, Field(ge=0)]
    train_loss: Annotated[float, Field(allow_inf_nan=False)]
    dev_f1: Annotated[float, Field(ge=0, le=1)]
    threshold: Annotated[float, Field(ge=0, le=1)]
    seconds: Annotated[float, Field(ge=0)]


class Watcher(Protocol):
    """Who is told how a run goes on; the command line draws it."""

    def stage(self, name: str) -> None:
        """A new stage begins."""

    def step(self, done: int, total: int, loss: float) -> None:
        """One optimizer step is done."""

    def epoch(self, record: Epoch, improved: bool) -> None:
        """One epoch is trained and scored."""

    def stopped(self, reason: str) -> None:
        """Training ends before its last epoch."""

    def remark(self, text: str) -> None:
        """Something is known that a reader of the scores must know."""


class Unwatched:
    """Tells nobody."""

    def stage(self, name: str) -> None:
        """Tell nobody."""

    def step(self, done: int, total: int, loss: float) -> None:
        """Tell nobody."""

    def epoch(self, record: Epoch, improved: bool) -> None:
        """Tell nobody."""

    def stopped(self, reason: str) -> None:
        """Tell nobody."""

    def remark(self, text: str) -> None:
        """Tell nobody."""


@dataclass
class Progress:
    """What is known while training goes on, and what a resumed run starts from."""

    epochs: list[Epoch] = field(default_factory=list)
    best_f1: Annotated[float, Field(ge=-1, le=1)] = -1.0
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    since_best: Annotated[int, Field(ge=0)] = 0
    declining: Annotated[int, Field(ge=0)] = 0
    began: float = field(default_factory=time.monotonic)

    def close(self, number: int, loss: float, dev_f1: float, threshold: float) -> bool:
        """Take in an epoch's result and tell whether it is the best so far."""
        now = time.monotonic()
        before = self.epochs[-1] if self.epochs else None
        worse = before is not None and loss < before.train_loss and dev_f1 < before.dev_f1
        self.declining = self.declining + 1 if worse else 0
        self.epochs.append(Epoch(number, loss, dev_f1, threshold, now - self.began))
        self.began = now
        improved = dev_f1 > self.best_f1
        self.since_best = 0 if improved else self.since_best + 1
        if improved:
            self.best_f1, self.threshold = dev_f1, threshold
        return improved

    def stop_reason(self, patience: int, overfit_patience: int) -> str | None:
        """Say why training should end now, or None."""
        if self.declining >= overfit_patience:
            return (
                f"overfitting: over {self.declining} epochs the training loss fell and so did dev "
                f"F1; epoch {self.best_epoch} is kept"
            )
        if self.since_best >= patience:
            return f"no better dev F1 for {self.since_best} epochs; epoch {self.best_epoch} is kept"
        return None

    @property
    def best_epoch(self) -> int:
        """The epoch whose model is kept."""
        return self.epochs[-1 - self.since_best].epoch if self.epochs else 0

    def as_dict(self) -> dict[str, Any]:
        """Everything but the clock."""
        return {key: value for key, value in asdict(self).items() if key != "began"}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Progress:
        """Read what `as_dict` wrote."""
        epochs = [Epoch(**one) for one in values["epochs"]]
        return cls(**{**values, "epochs": epochs})
