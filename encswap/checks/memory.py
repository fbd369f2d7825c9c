"""The memory that training takes, estimated from sizes alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GIB = 2**30
DEVICES = {"T4 16 GB": 15.0 * GIB, "A10 24 GB": 22.5 * GIB}
RUNTIME_BYTES = 0.6 * GIB


@dataclass(frozen=True)
class Memory:
    """Bytes that one training step takes, by part."""

    weights: float
    gradients: float
    moments: float
    activations: float

    @property
    def total(self) -> float:
        """All parts together."""
        return self.weights + self.gradients + self.moments + self.activations

    def fits(self) -> tuple[str, ...]:
        """Name the devices on which it fits, the runtime's own share set aside."""
        need = self.total + RUNTIME_BYTES
        return tuple(name for name, room in DEVICES.items() if need <= room)


def training_memory(
    parameters: int,
    config: Mapping[str, Any],
    *,
    batch: int = 8,
    length: int = 512,
    half: bool = True,
    encoder_parameters: int | None = None,
) -> Memory:
    """Estimate training in float32 with Adam; `half` keeps activations in half precision.

    `parameters` counts the whole model. Activations are those of the encoder's layers: per layer
    and token the inputs of its products, norms and activations, and per head and pair of tokens
    the scores, the probabilities and, with relative positions, the two added scores.
    """
    hidden = int(config.get("hidden_size") or 0)
    layers = int(config.get("num_hidden_layers") or 0)
    heads = int(config.get("num_attention_heads") or 0)
    inner = int(config.get("intermediate_size") or 4 * hidden)
    width = 2 if half else 4
    relative = bool(config.get("relative_attention"))
    tokens = batch * length
    per_token = (10 * hidden + 3 * inner) * width + 2 * hidden
    per_pair = (6 if relative else 0) * width + 1
    activations = layers * (tokens * per_token + batch * heads * length**2 * per_pair)
    _ = encoder_parameters
    return Memory(4.0 * parameters, 4.0 * parameters, 8.0 * parameters, float(activations))
