"""LoRA adapters on a model, by gliner2's target names, and the plain model that they amount to."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from encswap.errors import InputError, TrainingError
from encswap.gliner import model as gliner
from encswap.gliner import scoring as heads
from encswap.gliner.model import architecture_of, layers_of

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def add_adapters(
    model: PreTrainedModel, *, rank: int, alpha: float, dropout: float, targets: Sequence[str]
) -> None:
    """Put adapters into the layers that `targets` name, in place; all other weights are frozen.

    Raises `InputError` where a target names nothing.
    """
    for target in targets:
        if not layers_of(model, target):
            raise InputError(
                f"lora_targets: {target!r} names no linear layer of this model",
                hint="encoder, encoder.query, all_task_heads, classification_head, "
                f"extractive_head, {', '.join(model.task_module_names())}",
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by an old name
        model.apply_lora(r=rank, alpha=alpha, dropout=dropout, targets=list(targets))


def without_adapters(model: PreTrainedModel) -> PreTrainedModel:
    """Merge the adapters into a copy, a plain model again; one that has none is returned."""
    if not any(_adapted(model)):
        return model
    merged = copy.deepcopy(model)
    for name, layer in list(_adapted(merged)):
        layer.merge()
        parent, _, own = name.rpartition(".")
        setattr(merged.get_submodule(parent), own, layer.get_base_layer())
    return merged


def _adapted(model: PreTrainedModel) -> Iterator[tuple[str, Any]]:
    from peft.tuners.lora import LoraLayer

    for name, module in model.named_modules():
        if isinstance(module, LoraLayer):
            yield name, module


def set_label_renaming(model: PreTrainedModel, share: float, classes: float = 0.5) -> None:
    """Set the share of training samples whose labels gliner2 renames to "entity 1", "entity 2".

    `classes` is the share of classifications whose labels become "label 1", "label 2".
    """
    model.processor.sampling_config.synthetic_entity_label_prob = share
    model.processor.sampling_config.synthetic_label_prob = classes


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


def halve_encoder(model: PreTrainedModel) -> None:
    """Let the encoder multiply in bfloat16, its weights and what it returns in float32.

    Raises `InputError` where the processor would only imitate bfloat16, and slowly.
    """
    import torch

    cuda = torch.cuda.is_available()
    if not (torch.cuda.is_bf16_supported() if cuda else torch.cpu._is_avx512_bf16_supported()):
        raise InputError(
            f"precision: this {'GPU' if cuda else 'processor'} has no bfloat16",
            hint="set precision: fp32",
        )
    # A partial is copied with the model that it belongs to; a bound method would keep the first.
    model.encoder.forward = partial(_in_half, model.encoder)


def _in_half(encoder: Any, *arguments: Any, **options: Any) -> Any:
    import torch

    with torch.autocast(next(encoder.parameters()).device.type, torch.bfloat16):
        found = type(encoder).forward(encoder, *arguments, **options)
    found.last_hidden_state = found.last_hidden_state.float()
    return found


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
    from encswap.gliner.span_scores import scorer

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


# What gliner2 2.1 prints where it catches an exception in one sample and goes on with zero loss.
_SWALLOWED = re.compile(r"Error processing sample (\d+): (.*)")
BOUNDARY_SCORES = ("start_logits", "end_logits", "inside_logits", "null_logits", "count_log_rates")
NEGATIVE_MASKING = 0.5
"""The share of negative spans that gliner2 leaves out of a span head's loss."""


@contextlib.contextmanager
def objective(
    model: PreTrainedModel,
    *,
    gate: bool,
    negative_masking: float = NEGATIVE_MASKING,
    extra: Callable[[Any], torch.Tensor] | None = None,
) -> Iterator[None]:
    """Give a model its training objective for a while; `model(batch)` then includes the gate's.

    The gate, and the `extra` loss of a batch, belong inside `forward`, where
    DistributedDataParallel waits for their gradients.
    """
    attributes = training_attributes(model, negative_masking)
    forward = model.forward
    if gate and gliner.architecture_of(model) == "span":
        attributes["forward"] = forward = _with_gate(model)
    if extra is not None:
        attributes["forward"] = _with_extra(model, forward, extra)
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


def _with_extra(model: PreTrainedModel, own: Any, extra: Callable[[Any], torch.Tensor]) -> Any:
    def forward(batch: Any, **options: Any) -> Any:
        result = own(batch, **options)
        if not model.training:  # a boundary head is scored by `forward` too
            return result
        more = extra(batch)
        if isinstance(result, dict):
            result |= {"extra_loss": more, "total_loss": result["total_loss"] + more}
            return result
        return dataclasses.replace(result, total_loss=result.total_loss + more)

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
