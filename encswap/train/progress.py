"""How a run goes on: its epochs so far, and what was best."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from pydantic import Field

from encswap.types import Epoch


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
