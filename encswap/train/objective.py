"""The training objective: gliner2's loss with its silent failures made loud, and the count gate."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from encswap.errors import TrainingError
from encswap.swap import gliner, heads
from encswap.swap.training_mode import training_attributes

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# What gliner2 2.1 prints where it catches an exception in one sample and goes on with zero loss.
_SWALLOWED = re.compile(r"Error processing sample (\d+): (.*)")
BOUNDARY_SCORES = ("start_logits", "end_logits", "inside_logits", "null_logits", "count_log_rates")
NEGATIVE_MASKING = 0.5
"""The share of negative spans that gliner2 leaves out of a span head's loss."""


@contextlib.contextmanager
def objective(
    model: PreTrainedModel, *, gate: bool, negative_masking: float = NEGATIVE_MASKING
) -> Iterator[None]:
    """Give a model its training objective for a while; `model(batch)` then includes the gate's.

    The gate belongs inside `forward`, where DistributedDataParallel waits for its gradients.
    """
    attributes = training_attributes(model, negative_masking)
    if gate and gliner.architecture_of(model) == "span":
        attributes["forward"] = _with_gate(model)
    for name, value in attributes.items():
        setattr(model, name, value)
    try:
        yield
    finally:
        for name in attributes:
            model.__dict__.pop(name, None)


def _with_gate(model: PreTrainedModel) -> Any:
    own = model.forward

    def forward(batch: Any, **options: Any) -> Any:
        with captured_states(model) as states:
            result = own(batch, **options)
        result["gate_loss"] = heads.gate_loss(model, states[-1].detach(), batch)
        result["total_loss"] = result["total_loss"] + result["gate_loss"]
        return result

    return forward


def training_loss(model: Any, batch: Any) -> torch.Tensor:
    """Sum of the losses of a batch.

    Raises `TrainingError` with the sample's id where gliner2 lost a sample, or the loss is not
    finite.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result = model(batch)
    if result["batch_size"] != len(batch):
        raise TrainingError(_lost_sample(printed.getvalue(), batch))
    loss: torch.Tensor = result["total_loss"]
    if not bool(loss.isfinite()) or not_numbers(result):
        raise TrainingError(
            f"{', '.join(not_numbers(result)) or 'the loss'} is not finite on samples "
            f"{', '.join(sample_ids(batch))}",
            hint="lower encoder_lr and head_lr, or use precision fp32",
        )
    return loss


def not_numbers(result: Any) -> list[str]:
    """Name the scores of a boundary head that are not numbers.

    gliner2 counts the terms of the loss that come of them as zero. A span head hides nothing.
    """
    scores = {name: getattr(result, name, None) for name in BOUNDARY_SCORES}
    candidates = getattr(result, "candidates", None)
    if candidates is not None:
        scores["pair_logits"] = candidates.pair_logits
    return [name for name, one in scores.items() if one is not None and bool(one.isnan().any())]


@contextlib.contextmanager
def captured_states(core: PreTrainedModel) -> Iterator[list[torch.Tensor]]:
    """Collect what the encoder returns while the block runs: (batch, length, hidden)."""
    states: list[torch.Tensor] = []

    def keep(_module: Any, _inputs: Any, output: Any) -> None:
        states.append(output.last_hidden_state)

    handle = core.encoder.register_forward_hook(keep)
    try:
        yield states
    finally:
        handle.remove()


def sample_ids(batch: Any) -> list[str]:
    """The ids of a batch's samples, as `schema_for` put them in."""
    return [str(schema.get("sample", "?")) for schema in batch.original_schemas]


def _lost_sample(printed: str, batch: Any) -> str:
    ids = sample_ids(batch)
    found = _SWALLOWED.search(printed)
    if not found:
        return f"gliner2 lost a sample of {', '.join(ids)}"
    number, reason = int(found.group(1)), found.group(2)
    name = ids[number] if number < len(ids) else "?"
    return f"sample {name!r} fails inside gliner2 and would count as zero loss: {reason}"
