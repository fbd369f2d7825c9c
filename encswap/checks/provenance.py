"""Checks of where the files come from: licence, revision, and what others say of the model."""

from __future__ import annotations

from encswap.checks.evidence import Case
from encswap.domain import Finding

NON_COMMERCIAL = ("-nc", "noncommercial", "non-commercial")


def licence(case: Case) -> Finding:
    """Look at the declared licence; it informs and never decides."""
    evidence = case.candidate
    declared = evidence.licence
    origin = evidence.origin("licence")
    if declared is None:
        if not evidence.licence_known:
            return Finding("licence", "skip", case.depth, "licence not known")
        return Finding("licence", "warn", case.depth, f"no licence declared{origin}")
    if any(sign in declared.lower() for sign in NON_COMMERCIAL):
        return Finding("licence", "warn", case.depth, f"{declared}{origin}: excludes commerce")
    return Finding("licence", "pass", case.depth, f"{declared}{origin}")


def revision(case: Case) -> Finding:
    """Say whether the commit is pinned."""
    source = None if case.source is None or case.source.stands_in else case.source
    if source is not None and source.kind != "hub":
        return Finding(
            "revision", "pass", case.depth, f"files from {source.kind} {source.identifier}"
        )
    commit = source.revision if source is not None else case.spec.revision
    if source.pinned if source is not None else commit is not None:
        return Finding("revision", "pass", case.depth, f"pinned to {commit}")
    if commit is None:
        return Finding("revision", "warn", case.depth, "no commit pinned")
    message = f"not pinned; today it is {commit}"
    return Finding("revision", "warn", case.depth, message)


def published_score(case: Case) -> Finding | None:
    """Show recorded scores of others beside what was claimed."""
    scores = case.spec.fact("published_scores", {})
    claim = case.spec.claims.get("published_scores")
    if not scores and claim is None:
        return None
    mark = case.spec.facts.get("published_scores")
    origin = f" ({mark.mark} {mark.date})" if mark else ""
    told = ", ".join(f"{name} {score}" for name, score in scores.items())
    message = f"published: {told}{origin}" if told else "no published score recorded"
    said = f"{claim.text} ({claim.where})" if claim else None
    return Finding("published-score", "pass", case.depth, message, said)
