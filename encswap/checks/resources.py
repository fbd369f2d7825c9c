"""What the candidate costs: parameters, and the memory of training."""

from __future__ import annotations

from encswap.checks.evidence import Case, differing_claim
from encswap.checks.memory import GIB, training_memory
from encswap.domain import Finding, Source, Status

BATCH, LENGTH = 8, 512
HEAVY = 1.25
USUAL_HEADS = 21_000_000


def resources(case: Case) -> Finding:
    """Count parameters and estimate training; it informs and ranks, and never decides."""
    count = case.candidate.parameters
    claim = differing_claim(case.spec, "parameters", count)
    if count is None:
        return Finding("resources", "skip", case.depth, "parameters not known", claim)
    origin = case.candidate.origin("parameters")
    parts = [f"{count:,} parameters{origin}"]
    heavy = _heavier(case, count)
    evidence: dict[str, object] = {"parameters": count, "brief": heavy}
    tight = ""
    if case.candidate.config:
        memory = training_memory(
            count + _heads(case), case.candidate.config, batch=BATCH, length=LENGTH
        )
        fits = memory.fits()
        evidence |= {
            part: round(getattr(memory, part))
            for part in ("weights", "gradients", "moments", "activations", "total")
        }
        evidence["fits"] = list(fits)
        tight = "" if fits and fits[0].startswith("T4") else "does not fit a T4"
        where = f"fits {fits[0]}" if fits else "fits neither T4 nor A10"
        parts.append(
            f"training about {memory.total / GIB:.1f} GiB at batch {BATCH} of {LENGTH}: {where}"
        )
    if heavy:
        parts.append(heavy)
    status: Status = "warn" if heavy or tight else "pass"
    return Finding("resources", status, case.depth, "; ".join(parts), claim, evidence)


def _heavier(case: Case, count: int) -> str:
    theirs = case.base.parameters
    if _is_mini(case.base_source) != _is_mini(case.source):
        return ""
    if theirs is None or count <= HEAVY * theirs:
        return ""
    return f"heavy: {count / theirs:.1f} times the base's encoder"


def _is_mini(source: Source | None) -> bool:
    return source is not None and source.kind == "mini" and not source.stands_in


def _heads(case: Case) -> int:
    whole, encoder = case.base.model_parameters, case.base.parameters
    return whole - encoder if whole and encoder else USUAL_HEADS
