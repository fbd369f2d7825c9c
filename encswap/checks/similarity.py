"""How alike two sets of vectors are: linear CKA and held-out ridge regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def linear_cka(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Linear centred kernel alignment of (n, a) and (n, b), from 0 to 1.

    Kornblith et al. 2019, Similarity of Neural Network Representations Revisited, section 3.
    """
    x, y = ours - ours.mean(0), theirs - theirs.mean(0)
    cross = (x.T @ y).norm() ** 2
    scale = (x.T @ x).norm() * (y.T @ y).norm()
    return float(cross / scale) if float(scale) > 0 else 0.0


def explained_variance(
    source: torch.Tensor, target: torch.Tensor, generator: torch.Generator, strength: float = 0.1
) -> float:
    """The share of the target's variance that a ridge map from the source explains, held out.

    (n, a) to (n, b); fitted on one half of the rows, measured on the other. Below 0 is worse than
    the mean. `strength` is relative to the mean variance of the source.
    """
    import torch

    order = torch.randperm(len(source), generator=generator)
    fit, held = order[: len(order) // 2], order[len(order) // 2 :]
    x_mean, y_mean = source[fit].mean(0), target[fit].mean(0)
    x, y = source[fit] - x_mean, target[fit] - y_mean
    gram = x.T @ x
    penalty = strength * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    weights = torch.linalg.solve(gram + penalty, x.T @ y)
    left = target[held] - (source[held] - x_mean) @ weights - y_mean
    total = (target[held] - target[held].mean(0)).pow(2).sum()
    return float(1 - left.pow(2).sum() / total) if float(total) > 0 else 0.0
