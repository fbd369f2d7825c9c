"""The memory that training takes, estimated from sizes alone.

The factors were fitted to peaks that `benchmarks/training_memory.py` measured on a CPU in float32;
half precision and fused attention are not measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GIB = 2**30
DEVICES = {"T4 16 GB": 15.0 * GIB, "A10 24 GB": 22.5 * GIB}
RUNTIME_BYTES = 0.6 * GIB


# Tensors kept for the backward pass, in numbers per token and layer.
HIDDEN_COPIES, INNER_COPIES = 10.5, 2.0


# Matrices of scores kept per head: one entry for each pair of tokens, or of a token and a bucket.
PAIR_COPIES, RELATIVE_PAIR_COPIES, BUCKET_COPIES = 4.2, 3.5, 5.5


# Autocast keeps norms and softmax in float32, and masks take one byte in either case.
HALF_SHARE = 0.6


@dataclass(frozen=True)
class Memory:
    """Bytes that one training step takes, by part; `teacher` is a frozen copy beside."""

    weights: float
    gradients: float
    moments: float
    activations: float
    teacher: float = 0.0

    @property
    def total(self) -> float:
        """All parts together."""
        parts = self.weights + self.gradients + self.moments + self.activations
        return parts + self.teacher

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
) -> Memory:
    """Estimate the peak of training in float32 with Adam; `half` is mixed precision on a GPU.

    `parameters` counts the whole model. Activations are those of the encoder, with the gradient of
    its word embeddings, which is made anew each step.
    """
    hidden = _size(config, "hidden_size", 0)
    heads = _size(config, "num_attention_heads", 0)
    inner = _size(config, "intermediate_size", 4 * hidden)
    per_token = HIDDEN_COPIES * hidden + INNER_COPIES * inner
    per_head = _scores(config, length, fused=half)
    tokens = batch * length * _size(config, "num_hidden_layers", 0)
    kept = 4.0 * tokens * (per_token + heads * per_head) * (HALF_SHARE if half else 1.0)
    embeddings = 4.0 * _size(config, "vocab_size", 0) * hidden
    if half:
        kept += 2.0 * parameters  # autocast's copies of the weights
    weights = 4.0 * parameters
    return Memory(weights, weights, 2 * weights, kept + embeddings)


def _scores(config: Mapping[str, Any], length: int, *, fused: bool) -> float:
    """Numbers kept per token and head; fused kernels keep none, relative scores are not fused."""
    if config.get("relative_attention"):
        buckets = 2 * _size(config, "position_buckets", length)
        return RELATIVE_PAIR_COPIES * length + BUCKET_COPIES * buckets
    return 0.0 if fused else PAIR_COPIES * length


def _size(config: Mapping[str, Any], key: str, default: int) -> int:
    value = config.get(key)
    return value if isinstance(value, int) and value > 0 else default
