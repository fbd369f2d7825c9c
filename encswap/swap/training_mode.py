"""How a gliner2 model is set for training: what its own trainer sets, and what it leaves fixed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from encswap.errors import InputError
from encswap.swap.gliner import architecture_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def set_label_renaming(model: PreTrainedModel, share: float) -> None:
    """Set the share of training samples whose labels gliner2 renames to "entity 1", "entity 2"."""
    model.processor.sampling_config.synthetic_entity_label_prob = share


def drop_out(model: PreTrainedModel, share: float) -> None:
    """Set the dropout of every layer, also where a class of its own keeps the share."""
    for module in model.modules():
        for name in ("p", "drop_prob", "dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, share)


def use_flash_attention(model: PreTrainedModel) -> None:
    """Let gliner2 put DisentangledFlash into a DeBERTa encoder, for training.

    Raises `InputError` where the package is missing or the encoder is of another class.
    """
    model.train()
    try:
        model.enable_disentangled_flash(inference=False)
    except (ImportError, TypeError) as error:
        raise InputError(
            f"attention_backend: {error}",
            hint="pip install 'gliner2[disentangled-flash]', or attention_backend: standard",
        ) from error


def checkpoint_gradients(model: PreTrainedModel) -> None:
    """Let the encoder compute its layers again in the backward pass, and keep less in memory."""
    if not model.encoder.supports_gradient_checkpointing:
        raise InputError("gradient_checkpointing: this encoder's class does not support it")
    # transformers renamed it in 5; both take the same one argument, by place.
    new = getattr(model.encoder, "activation_checkpointing_enable", None)
    (new or model.encoder.gradient_checkpointing_enable)({"use_reentrant": False})


def training_attributes(model: PreTrainedModel, negative_masking: float) -> dict[str, Any]:
    """What to put over a span model's own methods while it trains; empty for a boundary model.

    Scores come block by block on a CPU, and the loss leaves out the given share of negatives, which
    gliner2 fixes at 0.5.
    """
    if architecture_of(model) != "span":
        return {}
    from encswap.swap.span_scores import scorer

    return {
        "_compute_span_scores_core": scorer(model),
        "compute_struct_loss_from_scores": partial(
            model.compute_struct_loss_from_scores, masking_rate=negative_masking
        ),
    }


def set_schedules(
    model: PreTrainedModel, step: int, steps: int, *, start: float, end: float, hold: float
) -> None:
    """Set what a boundary head changes while it trains, as gliner2's own trainer does each step.

    Gold is injected among its proposals with probability `start` for the share `hold` of the steps,
    then less, to `end`; consistency warms up, and soft IoU fades, by the steps of its settings.
    """
    head = getattr(model, "boundary_head", None)
    if head is None:
        return
    done = step / max(steps, 1)
    fallen = min(max((done - hold) / max(1.0 - hold, 1e-12), 0.0), 1.0)
    head.set_gold_injection_prob(start if done <= hold else start + (end - start) * fallen)
    warmup, anneal = head.settings.consistency_warmup_steps, head.settings.soft_iou_anneal_steps
    head.set_consistency_scale(1.0 if warmup <= 0 else min(step / warmup, 1.0))
    head.set_soft_iou_scale(0.0 if anneal <= 0 else max(1.0 - step / anneal, 0.0))
