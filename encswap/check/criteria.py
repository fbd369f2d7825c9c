"""Criteria: data that turn findings into a verdict. `plan` and `shape` are shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, TypeVar

from encswap.check.catalogue import CODES
from encswap.errors import InputError, UnknownNameError, suggest
from encswap.types import Finding, Verdict
from encswap.yaml_files import read_mapping

SHIPPED = Path(__file__).parent / "criteria"
FIGURES = ("parameters", "subtokens-per-word")
_KEYS = {
    "name",
    "title",
    "base",
    "sample",
    "words",
    "must_pass",
    "must_not_fail",
    "mention",
    "selected_by",
    "selected_because",
    "training_examples",
    "rank",
}


@dataclass(frozen=True)
class Requirement:
    """A code that must pass, why, and the code whose pass makes up for it."""

    code: str
    because: str = ""
    otherwise: str | None = None


@dataclass(frozen=True)
class Criteria:
    """What must hold, what must not, what is mentioned, and how the selected are ranked."""

    name: str
    title: str
    must_pass: tuple[Requirement, ...]
    must_not_fail: tuple[str, ...] = ()
    mention: tuple[str, ...] = ()
    selected_by: tuple[str, ...] = ()
    selected_because: str = ""
    fresh_heads: int = 0
    assumed_examples: int = 0
    rank: tuple[str, ...] = ("parameters",)
    base: str = ""
    sample: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reason:
    """Why a verdict was given: the finding's code, and what it says."""

    code: str
    message: str


def load_criteria(name_or_path: str) -> Criteria:
    """Load shipped criteria by name, or a user's own file; raises `InputError` in one line."""
    path = SHIPPED / f"{name_or_path}.yaml"
    if not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        known = [one.stem for one in SHIPPED.glob("*.yaml")]
        hint = f"{suggest(name_or_path, known)}, or a YAML file"
        raise UnknownNameError("criteria", name_or_path, known, hint=hint)
    values = read_mapping(path, "criteria", hint=f"keys: {', '.join(sorted(_KEYS))}")
    return _parse(values, path)


def _parse(values: Mapping[str, Any], path: Path) -> Criteria:
    for key in values:
        if key not in _KEYS:
            raise InputError(
                f"unknown key {key!r}", where=path, hint=suggest(str(key), list(_KEYS))
            )
    examples = values.get("training_examples") or {}
    if not isinstance(examples, dict):
        raise InputError("training_examples should be a mapping", where=path)
    requirements = tuple(_requirement(one, path) for one in _sequence(values, "must_pass", path))
    if not requirements:
        raise InputError("must_pass names no code", where=path)
    return Criteria(
        name=str(values.get("name") or path.stem),
        title=str(values.get("title") or ""),
        must_pass=requirements,
        must_not_fail=_codes(_sequence(values, "must_not_fail", path), path),
        mention=_codes(_sequence(values, "mention", path), path),
        selected_by=_codes(_sequence(values, "selected_by", path), path)
        or tuple(one.code for one in requirements),
        selected_because=str(values.get("selected_because") or ""),
        fresh_heads=_count(examples, "fresh_heads", path),
        assumed_examples=_count(examples, "assumed", path),
        sample=str(values.get("sample") or ""),
        words=tuple(map(str, _sequence(values, "words", path))),
        base=str(values.get("base") or ""),
        rank=_figures(_sequence(values, "rank", path) or ["parameters"], path),
    )


def _requirement(value: Any, path: Path) -> Requirement:
    if isinstance(value, str):
        value = {"code": value}
    if not isinstance(value, dict) or not set(value) <= {"code", "because", "or"}:
        raise InputError(f"must_pass has {value!r}", where=path, hint="keys: code, because, or")
    names = [value.get("code"), *([value["or"]] if "or" in value else [])]
    codes = _codes(names, path)
    otherwise = codes[1] if len(codes) > 1 else None
    return Requirement(codes[0], str(value.get("because") or ""), otherwise)


def _sequence(values: Mapping[str, Any], key: str, path: Path) -> Sequence[Any]:
    found = values.get(key) or []
    if not isinstance(found, list):
        raise InputError(f"{key} should be a list", where=path)
    return found


def _codes(names: Sequence[Any], path: Path) -> tuple[str, ...]:
    for name in names:
        if name not in CODES:
            raise InputError(
                f"unknown code {name!r}", where=path, hint=suggest(str(name), list(CODES))
            )
    return tuple(names)


def _figures(names: Sequence[Any], path: Path) -> tuple[str, ...]:
    for name in names:
        if name not in FIGURES:
            raise InputError(
                f"rank: unknown figure {name!r}", where=path, hint=suggest(str(name), list(FIGURES))
            )
    return tuple(names)


def _count(values: Mapping[str, Any], key: str, path: Path) -> int:
    value = values.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InputError(f"training_examples.{key} should be a whole number", where=path)
    return value


def judge(
    findings: Sequence[Finding], criteria: Criteria, training_examples: int | None = None
) -> tuple[Verdict, list[Reason], list[Finding]]:
    """Apply criteria: the verdict, its reasons, and the findings with what the criteria add."""
    judged = list(findings)
    extra = _training_examples(judged, criteria, training_examples)
    if extra is not None:
        judged.append(extra)
    failed = list(_failures(judged, criteria))
    if failed:
        return "rejected", failed + list(_mentions(judged, criteria)), judged
    unknown = list(_unknowns(judged, criteria))
    if unknown:
        return "unknown", unknown, judged
    return "selected", _why_selected(judged, criteria), judged


def _training_examples(
    findings: Sequence[Finding], criteria: Criteria, counted: int | None
) -> Finding | None:
    code = "training-examples"
    needed = any(
        one.otherwise == code and _worst(findings, one.code) == "fail" for one in criteria.must_pass
    )
    if not needed:
        return None
    have = criteria.assumed_examples if counted is None else counted
    enough = have >= criteria.fresh_heads
    source = "assumed" if counted is None else "counted"
    verb = "suffice" if enough else "are too few"
    message = (
        f"{have:,} training examples ({source}) {verb} to train new heads,"
        f" {criteria.fresh_heads:,} are asked"
    )
    return Finding(code, "pass" if enough else "fail", "facts", message)


def _failures(findings: Sequence[Finding], criteria: Criteria) -> list[Reason]:
    reasons: list[Reason] = []
    alternatives: dict[str, None] = {}
    for one in criteria.must_pass:
        if _worst(findings, one.code) != "fail":
            continue
        if one.otherwise is not None:
            if _worst(findings, one.otherwise) == "pass":
                continue
            alternatives[one.otherwise] = None
        reasons += _reasons(findings, one.code, "fail", one.because)
    for code in alternatives:
        reasons += _reasons(findings, code, "fail", "")
    required = {one.code for one in criteria.must_pass}
    for code in criteria.must_not_fail:
        if code not in required:
            reasons += _reasons(findings, code, "fail", "")
    return reasons


def _unknowns(findings: Sequence[Finding], criteria: Criteria) -> list[Reason]:
    reasons: list[Reason] = []
    for one in criteria.must_pass:
        worst = _worst(findings, one.code)
        if worst == "skip":
            reasons += _reasons(findings, one.code, "skip", "")
        elif worst is None:
            reasons.append(Reason(one.code, "not looked at"))
    return reasons


def _why_selected(findings: Sequence[Finding], criteria: Criteria) -> list[Reason]:
    fresh = any(finding.code == "training-examples" for finding in findings)
    because = "fresh heads can be learnt" if fresh else criteria.selected_because
    reasons: list[Reason] = []
    for code in criteria.selected_by:
        for status in ("pass", "fail"):
            reasons += _reasons(findings, code, status, "")
    reasons += _reasons(findings, "training-examples", "pass", "")
    if reasons and because:
        last = reasons[-1]
        reasons[-1] = Reason(last.code, f"{last.message}: {because}")
    return reasons


def _mentions(findings: Sequence[Finding], criteria: Criteria) -> list[Reason]:
    return [
        Reason(finding.code, str(finding.evidence.get("brief") or finding.message))
        for finding in findings
        if finding.code in criteria.mention
        and (finding.status == "warn" or (finding.claim and finding.code == "published-score"))
    ]


def _reasons(findings: Sequence[Finding], code: str, status: str, because: str) -> list[Reason]:
    return [
        Reason(code, f"{finding.message}: {because}" if because else finding.message)
        for finding in findings
        if finding.code == code and finding.status == status
    ]


def _worst(findings: Sequence[Finding], code: str) -> str | None:
    statuses = {finding.status for finding in findings if finding.code == code}
    return next((one for one in ("fail", "skip", "warn", "pass") if one in statuses), None)


T = TypeVar("T")


def rank(
    candidates: Sequence[tuple[T, Mapping[str, float | None]]], figures: Sequence[str]
) -> tuple[list[T], str]:
    """Order candidates by the product of their figures; say by which rule it was done."""
    known = [
        name for name in figures if all(values.get(name) is not None for _, values in candidates)
    ]
    left_out = [name for name in figures if name not in known]
    ordered = sorted(
        candidates, key=lambda one: prod(one[1][name] or 0.0 for name in known) if known else 0.0
    )
    return [one for one, _ in ordered], _rule(known, left_out)


def _rule(known: Sequence[str], left_out: Sequence[str]) -> str:
    words = {"subtokens-per-word": "subtokens per word"}
    by = " × ".join(words.get(name, name) for name in known) or "nothing"
    rule = f"the selected are ranked by {by}, the lowest first"
    if left_out:
        missing = ", ".join(words.get(name, name) for name in left_out)
        rule += f" ({missing} not measured for all of them)"
    return rule
