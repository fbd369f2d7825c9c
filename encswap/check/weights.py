"""Checks that read the full weights: what loading reports, finite values, likeness to the base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encswap.check.declaration import (
    CheckResult,
    MissingPartError,
    check,
    failed,
    passed,
    skipped,
)
from encswap.check.evidence import CheckCase
from encswap.errors import EncswapError
from encswap.types import Example, LoadedEncoder

if TYPE_CHECKING:
    import torch

TEXTS, WORDS, SEED = 60, 2000, 42


def linear_cka(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Linear centred kernel alignment of (n, a) and (n, b), from 0 to 1.

    Kornblith et al. 2019, Similarity of Neural Network Representations Revisited, section 3.
    """
    x, y = ours - ours.mean(0), theirs - theirs.mean(0)
    cross = (x.T @ y).norm() ** 2
    scale = (x.T @ x).norm() * (y.T @ y).norm()
    return float(cross / scale) if float(scale) > 0 else 0.0


def solve_ridge(x: torch.Tensor, y: torch.Tensor, strength: float) -> torch.Tensor:
    """Ridge regression of centred (n, a) to centred (n, b): weights (a, b).

    The penalty is `strength` times the mean variance of `x`, for each of the n rows.
    """
    import torch

    gram = x.T @ x
    penalty = strength * gram.diagonal().mean().clamp_min(1e-12)
    eye = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    weights: torch.Tensor = torch.linalg.solve(gram + penalty * eye, x.T @ y)
    return weights


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
    weights = solve_ridge(x, y, strength)
    left = target[held] - (source[held] - x_mean) @ weights - y_mean
    total = (target[held] - target[held].mean(0)).pow(2).sum()
    return float(1 - left.pow(2).sum() / total) if float(total) > 0 else 0.0


@dataclass(frozen=True)
class LoadedCase:
    """One candidate with its weights loaded, shared by the checks of this depth."""

    case: CheckCase
    loaded: LoadedEncoder


def load_weights(case: CheckCase) -> LoadedCase:
    """Load the encoder once; raises `EncswapError` where its weights do not load."""
    from encswap.swap.load import load_encoder

    assert case.source is not None
    if case.candidate.layout == "complete-model":
        raise MissingPartError("there is no encoder to load")
    loaded = load_encoder(case.spec, case.source)
    assert loaded is not None
    return LoadedCase(case, loaded)


@check(
    "weights-load",
    depth="weights",
    looks_at="The loading report of the full weights: missing, unexpected and mismatched keys, the"
    " dtype, and whether outputs are finite. Only the pooler may be missing.",
    fails_when="A weight is missing or misshapen, the file is cut off, or a value is not finite.",
    remedy="Fetch the file again; if it stays so, the repository is broken.",
)
def weights_load(subject: LoadedCase) -> CheckResult:
    """Say what loading reported, the stored type, and whether every value is finite."""
    loaded = subject.loaded
    state = loaded.model.state_dict()
    broken = [name for name, tensor in state.items() if not bool(tensor.isfinite().all())]
    if broken:
        return failed(f"{len(broken)} weights hold values that are not finite, first {broken[0]}")
    parts = [f"{len(state)} tensors, stored as {_stored(subject.case)}, all finite"]
    if loaded.missing_keys:
        parts.append(f"missing and not needed: {', '.join(loaded.missing_keys[:4])}")
    if loaded.unexpected_keys:
        parts.append(f"{len(loaded.unexpected_keys)} not of the encoder are left aside")
    evidence = {"missing": loaded.missing_keys, "unexpected": loaded.unexpected_keys}
    return passed("; ".join(parts), evidence)


def _stored(case: CheckCase) -> str:
    from safetensors import safe_open

    assert case.source is not None
    kinds: set[str] = set()
    for path in sorted(case.source.path.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            kinds.update(str(file.get_slice(name).get_dtype()) for name in file.keys())  # noqa: SIM118
    return ", ".join(sorted(kinds)) or "pickle"


@check(
    "similarity",
    depth="weights",
    looks_at="How alike the candidate's word vectors are to the base's on held-out text: linear"
    " CKA, and the variance that a ridge map explains.",
    fails_when="It never fails: it puts a number where the plan has an assumption.",
    remedy="A low number means that the heads have more to relearn.",
)
def similarity(subject: LoadedCase) -> CheckResult:
    """Compare word vectors of candidate and base, on the same words of the same texts."""
    import torch

    case, loaded = subject.case, subject.loaded
    examples = case.context.examples[:TEXTS]
    base = _base_encoder(case)
    if base is None or not examples:
        what = "the base's weights are not at hand" if base is None else "no text; give --data"
        return skipped(what)
    ours = word_vectors(loaded.model, loaded.tokenizer, examples)
    theirs = word_vectors(base[0], base[1], examples)
    known = ours.isfinite().all(1) & theirs.isfinite().all(1)
    ours, theirs = ours[known], theirs[known]
    generator = torch.Generator().manual_seed(SEED)
    chosen = torch.randperm(len(ours), generator=generator)[:WORDS]
    x, y = ours[chosen].double(), theirs[chosen].double()
    cka = linear_cka(x, y)
    ridge = explained_variance(x, y, generator)
    message = f"linear CKA {cka:.3f}; a ridge map explains {ridge:.1%} of the base's variance"
    message += f" on {len(chosen):,} words"
    evidence = {"cka": cka, "explained": ridge, "words": len(chosen), "seed": SEED}
    return passed(message, evidence)


def word_vectors(model: Any, tokenizer: Any, examples: tuple[Example, ...]) -> torch.Tensor:
    """Vectors (words, hidden) of each word's first subtoken, words tokenised alone as gliner2 does.

    Words that do not fit the window, or give no subtoken, are rows of NaN.
    """
    import torch

    rows: list[torch.Tensor] = []
    limit = 256
    model.eval()
    for example in examples:
        ids: list[int] = []
        firsts: list[int] = []
        for word in example.text.lower().split():
            pieces = tokenizer(word, add_special_tokens=False, verbose=False)["input_ids"]
            firsts.append(len(ids) if pieces and len(ids) + len(pieces) <= limit else -1)
            ids += pieces if firsts[-1] >= 0 else []
        batch = torch.tensor([ids or [0]])
        with torch.inference_mode():
            states = model(input_ids=batch, attention_mask=torch.ones_like(batch))
        vectors = states.last_hidden_state[0].float()
        empty = torch.full_like(vectors[0], float("nan"))
        rows += [vectors[first] if first >= 0 else empty for first in firsts]
    return torch.stack(rows)


def _base_encoder(case: CheckCase) -> tuple[Any, Any] | None:
    from encswap.gliner import model as gliner

    source = case.base_source
    if source is None or source.stands_in:
        return None
    try:
        model = gliner.read_model(source.path)
    except EncswapError:
        return None
    return model.encoder, model.processor.tokenizer
