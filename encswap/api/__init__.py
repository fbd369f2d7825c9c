"""The Python API: what the commands do, as functions with typed results."""

from __future__ import annotations

from encswap.api.calls import (
    Extractor,
    LoggingWatcher,
    check,
    evaluate,
    open_model,
    predict,
    swap,
    train,
)
from encswap.api.outcomes import (
    CheckOutcome,
    EvaluateResult,
    PredictedText,
    PredictResult,
    SwapResult,
    TrainResult,
)

__all__ = [
    "CheckOutcome",
    "EvaluateResult",
    "Extractor",
    "LoggingWatcher",
    "PredictResult",
    "PredictedText",
    "SwapResult",
    "TrainResult",
    "check",
    "evaluate",
    "open_model",
    "predict",
    "swap",
    "train",
]
