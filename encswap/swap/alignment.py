"""An affine map from a new encoder's vectors to the base's, folded into the heads that read them.

A head whose first layer is linear takes the map exactly: A(Wh + b) + a is (AW)h + (Ab + a). The
counting layer cannot: its recurrent unit carries the query elementwise from step to step, and
gliner2's classes have no place for a matrix there. What reads its result is refitted instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encswap.errors import SwapError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

EXACT = (
    "span_rep.span_rep_layer.project_start.0",
    "span_rep.span_rep_layer.project_end.0",
    "count_pred.0",
    "classifier.0",
)
STRENGTH = 1e-2
STEPS = 5
QUERIES = 2000


@dataclass(frozen=True)
class AffineMap:
    """Maps vectors (…, in) to `weight` · x + `bias`, of shape (…, out)."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        """Apply the map."""
        return vectors @ self.weight.T + self.bias


def fit_ridge(source: torch.Tensor, target: torch.Tensor, strength: float = STRENGTH) -> AffineMap:
    """Least squares from source (n, in) to target (n, out), centred, with an L2 penalty.

    The penalty is `strength` times the source's mean variance, for each of the n vectors.
    """
    import torch

    x, y, centre, goal = _centred(source, target)
    gram = x.T @ x
    penalty = strength * gram.diagonal().mean().clamp_min(1e-12)
    eye = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    return _affine(torch.linalg.solve(gram + penalty * eye, x.T @ y).T, centre, goal, source)


def fit_procrustes(source: torch.Tensor, target: torch.Tensor) -> AffineMap:
    """The rotation or reflection nearest to source → target, centred (Schönemann, 1966)."""
    import torch

    x, y, centre, goal = _centred(source, target)
    left, _, right = torch.linalg.svd(y.T @ x)
    return _affine(left @ right, centre, goal, source)


def _centred(*pair: torch.Tensor) -> tuple[torch.Tensor, ...]:
    source, target = (one.detach().double() for one in pair)
    means = source.mean(dim=0), target.mean(dim=0)
    return source - means[0], target - means[1], *means


def _affine(
    weight: torch.Tensor, centre: torch.Tensor, goal: torch.Tensor, like: torch.Tensor
) -> AffineMap:
    return AffineMap(weight.to(like.dtype), (goal - weight @ centre).to(like.dtype))


def unexplained(fitted: AffineMap, source: torch.Tensor, target: torch.Tensor) -> float:
    """The share of the target's variance that the map leaves: 0 is exact, 1 no better than mean."""
    left = (fitted(source) - target).square().sum()
    return float(left / (target - target.mean(dim=0)).square().sum().clamp_min(1e-12))


def fold(model: PreTrainedModel, fitted: AffineMap, vectors: torch.Tensor) -> float:
    """Make the heads read the map's result from the encoder's vectors, in place.

    `vectors` (n, hidden) are the new encoder's, to refit the counting layer on. Returns what the
    refit leaves unexplained. Raises `SwapError` for a head of another architecture.
    """
    import torch

    refuse_other_heads(model)
    with torch.no_grad():
        for name in EXACT:
            fold_linear(model.get_submodule(name), fitted)
        return _refit_counting(model.count_embed, fitted, vectors[:QUERIES])


def refuse_other_heads(model: PreTrainedModel) -> None:
    """Refuse a model whose heads are not those of gliner2's span architecture."""
    if model.config.architecture != "span":
        raise SwapError(
            f"a map cannot be folded into a {model.config.architecture} head",
            hint="choose alignment phase",
        )


def fold_linear(layer: Any, fitted: AffineMap, columns: slice = slice(None)) -> None:
    """Let a linear layer apply the map first to the inputs in `columns`."""
    part = layer.weight[:, columns].clone()
    layer.bias += part @ fitted.bias
    layer.weight[:, columns] = part @ fitted.weight


def _refit_counting(counting: Any, fitted: AffineMap, vectors: torch.Tensor) -> float:
    """Refit what reads the counting layer's recurrent unit, whose state is the query itself."""
    read, meant = (_steps(counting, one) for one in (vectors, fitted(vectors)))
    second = fit_ridge(_flat(read), _flat(meant))
    judged = fit_ridge(_others(read), _others(meant))
    left = unexplained(judged, _flat(read)[::5], _flat(meant)[::5])
    for layer, columns in _readers(counting):
        fold_linear(layer, second, columns)
    if hasattr(counting, "projector"):
        fold_linear(counting.projector[0], fitted, slice(vectors.shape[1], None))
    if hasattr(counting, "w1"):
        counting.b1 += second.bias @ counting.w1
        counting.w1.copy_(second.weight.T @ counting.w1)
    return left


def _others(vectors: torch.Tensor) -> torch.Tensor:
    """All vectors but every fifth, which judge."""
    import torch

    flat = _flat(vectors)
    return flat[torch.arange(len(flat)) % 5 > 0]


def _flat(vectors: torch.Tensor) -> torch.Tensor:
    return vectors.reshape(-1, vectors.shape[-1])


def _steps(counting: Any, queries: torch.Tensor) -> torch.Tensor:
    """What the layer behind the recurrent unit reads in its first steps: (steps, n, hidden)."""
    places = counting.pos_embedding.weight[:STEPS, None].expand(-1, len(queries), -1)
    states: torch.Tensor = counting.gru(places, queries)
    return states + queries if hasattr(counting, "transformer") else states


def _readers(counting: Any) -> Iterator[tuple[Any, slice]]:
    """The linear layers that read the recurrent unit's result, and in which of their columns."""
    width = counting.hidden_size if hasattr(counting, "hidden_size") else counting.gru.hidden_size
    if hasattr(counting, "transformer"):
        yield counting.transformer.in_projector, slice(None)
        yield counting.transformer.out_projector[0], slice(-width, None)
    elif hasattr(counting, "projector"):
        yield counting.projector[0], slice(0, width)
    else:
        yield counting.router[0], slice(None)
