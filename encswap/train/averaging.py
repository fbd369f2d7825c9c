"""Weight averaging between the start and the end of training (WiSE-FT, Wortsman et al., 2022).

A fine-tuned model moved a little back towards where it started keeps more of what it could do,
often at no cost. The share is one number, swept on dev without further training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

State = Mapping[str, torch.Tensor]


def copy_state(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Copy a model's weights to the CPU."""
    return {name: one.detach().cpu().clone() for name, one in model.state_dict().items()}


def averaged(start: State, end: State, share: float) -> dict[str, torch.Tensor]:
    """Average two state dicts: `share` of the start, the rest of the end; counters are the end's.

    Raises `ValueError` where the two are not of one model.
    """
    if start.keys() != end.keys():
        raise ValueError("the two states are not of one model")
    return {
        name: torch.lerp(one.float(), start[name].to(one.device).float(), share).to(one.dtype)
        if one.is_floating_point()
        else one
        for name, one in end.items()
    }


def choose_share(
    model: PreTrainedModel,
    start: State,
    shares: Sequence[float],
    score: Callable[[PreTrainedModel], tuple[float, float]],
) -> dict[str, Any]:
    """Try shares of the start on dev and leave the model at the best; of equals the largest.

    `score` returns a dev score with the threshold that it was reached at. The end alone, a share of
    0, is always tried.
    """
    end = copy_state(model)
    tried = []
    for share in sorted({0.0, *shares}):
        model.load_state_dict(averaged(start, end, share))
        dev, threshold = score(model)
        tried.append({"share": share, "dev_f1": dev, "threshold": threshold})
    best = max(tried, key=lambda one: (one["dev_f1"], one["share"]))
    model.load_state_dict(averaged(start, end, best["share"]))
    return {**best, "tried": tried}
