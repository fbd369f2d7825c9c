"""A comparison of candidates from end to end: files, findings, two verdicts each, ranking."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Literal

from encswap.check.criteria import (
    EVIDENCE,
    Criteria,
    Reason,
    judge,
    load_criteria,
    measured,
    rank,
)
from encswap.check.evidence import Evidence, differing_claim, gather
from encswap.errors import EncswapError, SourceError
from encswap.models import Need, resolve, spec_of
from encswap.plugins import Plugins
from encswap.types import CheckContext, Depth, EncoderSpec, Finding, Scale, Source, Subject, Verdict

EvidenceVerdict = Literal["fits", "does not fit", "unknown"]


@dataclass(frozen=True)
class CandidateResult:
    """One candidate's two verdicts, with everything that they stand on.

    `verdict` is that of the criteria, `evidence_verdict` says whether the tensors fit; the reasons
    of the latter end with what was measured.
    """

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
    evidence_verdict: EvidenceVerdict = "unknown"
    evidence_reasons: tuple[Reason, ...] = ()
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
    criteria_about: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the report with the keys that others read."""
        return {
            "base": self.base,
            "criteria": self.criteria,
            "evidence_criteria": EVIDENCE,
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
        "reasons": _reasons(one.reasons),
        "evidence_verdict": one.evidence_verdict,
        "evidence_reasons": _reasons(one.evidence_reasons),
        "claims": dict(one.claims),
        "figures": dict(one.figures),
        "findings": [_finding(finding) for finding in one.findings],
    }


def _reasons(reasons: Sequence[Reason]) -> list[dict[str, str]]:
    return [{"code": reason.code, "message": reason.message} for reason in reasons]


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "status": finding.status,
        "depth": finding.depth,
        "message": finding.message,
        "claim": finding.claim,
        "evidence": dict(finding.evidence),
    }


Progress = Callable[[str], None]
Finder = Callable[[str], Source]


# What builds models draws from torch's one global generator.
ONE_AT_A_TIME = Lock()
VERDICT_ORDER = {"selected": 0, "unknown": 1, "rejected": 2}
CLAIMED = ("architecture", "parameters", "hidden_size", "config_class")


@dataclass(frozen=True)
class Request:
    """Candidates by name, hub id or folder, to be checked against one base."""

    names: Sequence[str]
    base: str
    criteria: Criteria
    context: CheckContext
    scale: Scale = "full"
    allow_pickle: tuple[str, ...] = ()


def run_checks(
    request: Request,
    plugins: Plugins,
    *,
    find: Finder | None = None,
    progress: Progress = lambda _name: None,
) -> CheckReport:
    """Check every candidate; what fails at one is its own finding.

    `find` gives a candidate's files from elsewhere, where their own cannot be reached.
    """
    names = list(dict.fromkeys(request.names))
    base, *subjects = _subjects([request.base, *names], request, plugins, find, progress)
    _refuse_bad_base(base, request)
    if all(one.source is None and not one.spec.facts for one in subjects):
        raise SourceError(subjects[0].unreachable)
    results = []
    evidence_criteria = load_criteria(EVIDENCE)
    for subject in subjects:
        results.append(_result(base, subject, request, plugins, evidence_criteria))
        progress(subject.spec.name)
    return _report(base, results, request)


def _refuse_bad_base(base: Subject, request: Request) -> None:
    for fault in gather(base, request.context.depth).faults:
        raise SourceError(fault.message, where=base.source.path if base.source else None)


def _subjects(
    names: Sequence[str],
    request: Request,
    plugins: Plugins,
    find: Finder | None,
    progress: Progress,
) -> list[Subject]:
    specs = [_scaled(spec_of(name, plugins), request.scale) for name in names]
    if request.context.depth == "facts" and all(spec.facts for spec in specs):
        return [Subject(spec) for spec in specs]

    def subject(pair: tuple[str, EncoderSpec]) -> Subject:
        name, spec = pair
        made = _with_source(name, spec, request, plugins, find)
        progress(spec.name)
        return made

    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(subject, zip(names, specs, strict=True)))


def _scaled(spec: EncoderSpec, scale: Scale) -> EncoderSpec:
    """Leave out claimed figures at mini scale: they speak of the full size."""
    if scale == "full":
        return spec
    return replace(spec, claims={key: c for key, c in spec.claims.items() if c.value is None})


def _with_source(
    name: str, spec: EncoderSpec, request: Request, plugins: Plugins, find: Finder | None
) -> Subject:
    need: Need = "weights" if request.context.depth == "weights" else "metadata"
    try:
        source = resolve(
            name,
            plugins,
            scale=request.scale,
            allow_pickle=spec.name in request.allow_pickle or name in request.allow_pickle,
            need=need,
        )
        return Subject(spec, source)
    except EncswapError as error:
        if find is not None:
            with ONE_AT_A_TIME, suppress(EncswapError):
                return Subject(spec, find(name), str(error))
        return Subject(spec, None, str(error))


def _result(
    base: Subject,
    candidate: Subject,
    request: Request,
    plugins: Plugins,
    evidence_criteria: Criteria,
) -> CandidateResult:
    context = request.context
    if candidate.source is not None and not candidate.spec.facts and context.depth == "facts":
        context = replace(context, depth="config")
    findings = list(plugins.check_compatibility(base, candidate, context))
    verdict, reasons, judged = judge(findings, request.criteria, context.training_examples)
    evidence_verdict, evidence_reasons = judge_evidence(findings, evidence_criteria)
    evidence = gather(candidate, context.depth)
    return CandidateResult(
        name=candidate.spec.name,
        source=_where(candidate),
        revision=(candidate.source and candidate.source.revision) or candidate.spec.revision,
        architecture=evidence.architecture,
        config_class=evidence.config_class,
        hidden_size=evidence.hidden_size,
        layers=evidence.layers,
        parameters=evidence.parameters,
        verdict=verdict,
        depth=evidence.depth,
        reasons=tuple(reasons),
        evidence_verdict=evidence_verdict,
        evidence_reasons=tuple(evidence_reasons),
        findings=tuple(judged),
        claims=_claims(candidate.spec, evidence),
        figures={
            "parameters": evidence.parameters,
            "subtokens-per-word": _subtokens(judged, evidence),
        },
    )


EVIDENCE_VERDICTS: Mapping[Verdict, EvidenceVerdict] = {
    "selected": "fits",
    "rejected": "does not fit",
    "unknown": "unknown",
}


def judge_evidence(
    findings: Sequence[Finding], criteria: Criteria
) -> tuple[EvidenceVerdict, list[Reason]]:
    """Judge whether the tensors fit, and add what was measured where they may."""
    verdict, reasons, _ = judge(findings, criteria)
    if verdict == "rejected":
        return EVIDENCE_VERDICTS[verdict], [
            reason for reason in reasons if reason.code not in criteria.mention
        ]
    return EVIDENCE_VERDICTS[verdict], reasons + measured(findings, criteria)


def _where(subject: Subject) -> str:
    if subject.source is not None and not subject.source.stands_in:
        return subject.source.identifier
    return subject.spec.hub_id


def _claims(spec: EncoderSpec, evidence: Evidence) -> dict[str, str]:
    found = {key: differing_claim(spec, key, getattr(evidence, key)) for key in CLAIMED}
    return {key: text for key, text in found.items() if text is not None}


def _subtokens(findings: Sequence[Finding], evidence: Evidence) -> float | None:
    for finding in findings:
        found = finding.evidence.get("subtokens_per_word")
        if isinstance(found, int | float) and math.isfinite(found):
            return float(found)
    recorded = evidence.tokenizer.get("subtokens_per_word")
    return float(recorded) if isinstance(recorded, int | float) else None


def _report(base: Subject, results: Sequence[CandidateResult], request: Request) -> CheckReport:
    selected = [(one, one.figures) for one in results if one.verdict == "selected"]
    ranked, rule = rank(selected, request.criteria.rank)
    others = sorted(
        (one for one in results if one.verdict != "selected"),
        key=lambda one: VERDICT_ORDER[one.verdict],
    )
    return CheckReport(
        base=base.spec.name,
        criteria=request.criteria.name,
        depth=request.context.depth,
        recommended=ranked[0].name if ranked else None,
        candidates=(*ranked, *others),
        ranking=rule if ranked else "",
        criteria_title=request.criteria.title,
        criteria_about=request.criteria.about,
    )
