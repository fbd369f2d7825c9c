"""The training objective: gliner2's loss with its silent failures made loud, and the count gate."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from encswap.errors import TrainingError
from encswap.swap import gliner

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# What gliner2 2.1 prints where it catches an exception in one sample and goes on with zero loss.
_SWALLOWED = re.compile(r"Error processing sample (\d+): (.*)")


def training_loss(model: Any, core: PreTrainedModel, batch: Any, *, gate: bool) -> torch.Tensor:
    """Sum of the losses of a batch; `model` may wrap `core`.

    Raises `TrainingError` with the sample's id where gliner2 lost a sample, or the loss is not
    finite.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), captured_states(core) as states:
        result = model(batch)
    if result["batch_size"] != len(batch):
        raise TrainingError(_lost_sample(printed.getvalue(), batch))
    loss: torch.Tensor = result["total_loss"]
    if not bool(loss.isfinite()):
        raise TrainingError(
            f"the loss is {loss.item()} on samples {', '.join(sample_ids(batch))}",
            hint="lower encoder_lr and head_lr, or use precision fp32",
        )
    if gate and gliner.architecture_of(core) == "span":
        loss = loss + gliner.gate_loss(core, states[-1].detach(), batch)
    return loss


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
