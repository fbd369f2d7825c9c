"""What a check found: one result for each candidate, and the whole as others read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from encswap.checks.criteria import Reason
from encswap.domain import Depth, Finding, Verdict


@dataclass(frozen=True)
class CandidateResult:
    """One candidate's verdict, with everything that it stands on."""

    name: str
    source: str
    revision: str | None
    architecture: str | None
    config_class: str | None
    hidden_size: int | None
    layers: int | None
    parameters: int | None
    verdict: Verdict
    depth: Depth
    reasons: tuple[Reason, ...] = ()
    findings: tuple[Finding, ...] = ()
    claims: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, float | None] = field(default_factory=dict)

    def finding(self, code: str) -> Finding | None:
        """Return the first finding of a code."""
        return next((one for one in self.findings if one.code == code), None)


@dataclass(frozen=True)
class CheckReport:
    """The result of one run: candidates in the order of verdict and rank."""

    base: str
    criteria: str
    depth: Depth
    recommended: str | None
    candidates: tuple[CandidateResult, ...]
    ranking: str = ""
    criteria_title: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the report with the keys that others read."""
        return {
            "base": self.base,
            "criteria": self.criteria,
            "depth": self.depth,
            "recommended": self.recommended,
            "ranking": self.ranking,
            "candidates": [_candidate(one) for one in self.candidates],
        }


def _candidate(one: CandidateResult) -> dict[str, Any]:
    return {
        "name": one.name,
        "source": one.source,
        "revision": one.revision,
        "architecture": one.architecture,
        "config_class": one.config_class,
        "hidden_size": one.hidden_size,
        "layers": one.layers,
        "parameters": one.parameters,
        "verdict": one.verdict,
        "depth": one.depth,
        "reasons": [{"code": reason.code, "message": reason.message} for reason in one.reasons],
        "claims": dict(one.claims),
        "figures": dict(one.figures),
        "findings": [_finding(finding) for finding in one.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "status": finding.status,
        "depth": finding.depth,
        "message": finding.message,
        "claim": finding.claim,
        "evidence": dict(finding.evidence),
    }
