"""Criteria: data that turn findings into a verdict. `plan` and `shape` are shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from encswap.check.catalogue import CODES
from encswap.check.facts import FreshHeads, published_score, training_examples
from encswap.errors import InputError, UnknownNameError, suggest
from encswap.types import Finding, Status, Verdict
from encswap.validation import shown
from encswap.yaml_files import read_mapping

SHIPPED = Path(__file__).parent / "criteria"
EVIDENCE = "shape"  # the criteria by which the evidence is judged beside a person's own
FIGURES = ("parameters", "subtokens-per-word")


def _known_code(name: str) -> str:
    if name not in CODES:
        raise ValueError(f"unknown code {name!r}; {suggest(name, list(CODES))}")
    return name


def _known_figure(name: str) -> str:
    if name not in FIGURES:
        raise ValueError(f"unknown figure {name!r}; {suggest(name, list(FIGURES))}")
    return name


Code = Annotated[str, AfterValidator(_known_code)]
Figure = Annotated[str, AfterValidator(_known_figure)]
Count = Annotated[int, Field(ge=0, strict=True)]


class _Written(BaseModel):
    """A part of a criteria file; a key without a value is as if it were not there."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, value: Any) -> Any:
        if isinstance(value, str) and "code" in cls.model_fields:
            return {"code": value}
        if not isinstance(value, Mapping):
            return value
        return {key: one for key, one in value.items() if one is not None}


class Requirement(_Written):
    """A code that must pass, why, and the code whose pass makes up for it."""

    code: Code
    because: str = ""
    otherwise: Code | None = Field(None, alias="or")


class Measurement(_Written):
    """What was measured where a code has this status; without `found`, what the finding says."""

    code: Code
    status: Status = "pass"
    found: str = ""


class ExamplesNeeded(_Written):
    """How many examples fresh heads need, and how many there are where none are counted."""

    fresh_heads: Count = 0
    assumed: Count = 0


class Criteria(_Written):
    """What must hold, what must not, what is mentioned, and how the selected are ranked."""

    name: str
    title: str = ""
    about: str = ""
    base: str = ""
    sample: str = ""
    words: tuple[str, ...] = ()
    must_pass: tuple[Requirement, ...]
    must_not_fail: tuple[Code, ...] = ()
    mention: tuple[Code, ...] = ()
    measured: tuple[Measurement, ...] = ()
    selected_by: tuple[Code, ...] = ()
    selected_because: str = ""
    training_examples: ExamplesNeeded = ExamplesNeeded()
    rank: tuple[Figure, ...] = ("parameters",)

    @field_validator("rank")
    @classmethod
    def _rank_by_something(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return names or ("parameters",)


@dataclass(frozen=True)
class Reason:
    """Why a verdict was given: the finding's code, and what it says."""

    code: str
    message: str


# -- the file ----------------------------------------------------------------------------------


def load_criteria(name_or_path: str) -> Criteria:
    """Load shipped criteria by name, or a user's own file; raises `InputError` in one line."""
    path = SHIPPED / f"{name_or_path}.yaml"
    shipped = path.is_file()
    if not shipped:
        path = Path(name_or_path)
    if not path.is_file():
        known = [one.stem for one in SHIPPED.glob("*.yaml")]
        hint = f"{suggest(name_or_path, known)}, or a YAML file"
        raise UnknownNameError("criteria", name_or_path, known, hint=hint)
    hint = f"keys: {', '.join(sorted(Criteria.model_fields))}"
    values = read_mapping(path, "criteria", hint=hint, installed=shipped)
    try:
        criteria = Criteria.model_validate(values | {"name": values.get("name") or path.stem})
    except ValidationError as error:
        raise _input_error(error, path) from error
    if not criteria.must_pass:
        raise InputError("must_pass names no code", where=path)
    return criteria


_SHOULD_BE = {
    "tuple_type": "a list",
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "string_type": "a text",
    "int_type": "a whole number",
    "greater_than_equal": "0 or more",
}


def _input_error(error: ValidationError, path: Path) -> InputError:
    """Say the first fault in one line: the file, the key, what it should be."""
    faults = error.errors(include_url=False)
    # A key that is misspelt is missing under its right name too.
    first = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    kind, place = first["type"], [str(part) for part in first["loc"]]
    key = ".".join(place)
    if kind == "extra_forbidden":
        known = _keys_at(place)
        inside = len(place) > 1
        hint = f"keys: {', '.join(known)}" if inside else suggest(place[-1], known)
        within = f"{'.'.join(place[:-1])}: " if inside else ""
        return InputError(f"{within}unknown key {place[-1]!r}", where=path, hint=hint)
    if kind == "missing":
        return InputError(f"{key} is missing", where=path)
    message = str(first["msg"])
    if kind in _SHOULD_BE or message.startswith(should := "Input should be "):
        wanted = _SHOULD_BE.get(kind) or message.removeprefix(should)
        return InputError(f"{key} should be {wanted}, got {shown(first['input'])}", where=path)
    return InputError(f"{key}: {message.removeprefix('Value error, ')}", where=path)


def _keys_at(place: Sequence[str]) -> list[str]:
    parts: dict[str, type[_Written]] = {
        "must_pass": Requirement,
        "measured": Measurement,
        "training_examples": ExamplesNeeded,
    }
    model = parts.get(place[0], Criteria) if len(place) > 1 else Criteria
    return [one.alias or name for name, one in model.model_fields.items()]


# -- the verdict -------------------------------------------------------------------------------


def judge(
    findings: Sequence[Finding], criteria: Criteria, counted: int | None = None
) -> tuple[Verdict, list[Reason], list[Finding]]:
    """Apply criteria: the verdict, its reasons, and the findings with what the criteria add.

    `counted` is the number of training examples, None where none were given.
    """
    judged = [*findings, *_fresh_heads(findings, criteria, counted)]
    failures = _failures(judged, criteria)
    if failures:
        return "rejected", failures + _mentioned(judged, criteria), judged
    unknown = _unknowns(judged, criteria)
    if unknown:
        return "unknown", unknown, judged
    return "selected", _why_selected(judged, criteria), judged


def measured(findings: Sequence[Finding], criteria: Criteria) -> list[Reason]:
    """List what was measured of this kind of candidate, or of this one at the greater depths."""
    return [
        Reason(one.code, one.found or finding.message)
        for one in criteria.measured
        for finding in findings
        if finding.code == one.code and finding.status == one.status
    ]


def _fresh_heads(
    findings: Sequence[Finding], criteria: Criteria, counted: int | None
) -> list[Finding]:
    """Whether fresh heads can be trained, where the heads cannot be kept."""
    needed = any(
        one.otherwise == training_examples.code and _worst(findings, one.code) == "fail"
        for one in criteria.must_pass
    )
    if not needed:
        return []
    numbers = criteria.training_examples
    heads = FreshHeads(numbers.fresh_heads, counted, numbers.assumed)
    return [training_examples.finding(one, "facts") for one in training_examples.outcomes(heads)]


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
        reasons += _reasons(findings, code, "fail")
    required = {one.code for one in criteria.must_pass}
    for code in criteria.must_not_fail:
        if code not in required:
            reasons += _reasons(findings, code, "fail")
    return reasons


def _unknowns(findings: Sequence[Finding], criteria: Criteria) -> list[Reason]:
    reasons: list[Reason] = []
    for one in criteria.must_pass:
        worst = _worst(findings, one.code)
        if worst == "skip":
            reasons += _reasons(findings, one.code, "skip")
        elif worst is None:
            reasons.append(Reason(one.code, "not looked at"))
    return reasons


def _why_selected(findings: Sequence[Finding], criteria: Criteria) -> list[Reason]:
    fresh = any(finding.code == training_examples.code for finding in findings)
    because = "fresh heads can be learnt" if fresh else criteria.selected_because
    codes = criteria.selected_by or [one.code for one in criteria.must_pass]
    reasons: list[Reason] = []
    for code in codes:
        for status in ("pass", "fail"):
            reasons += _reasons(findings, code, status)
    reasons += _reasons(findings, training_examples.code, "pass")
    if reasons and because:
        last = reasons[-1]
        reasons[-1] = Reason(last.code, f"{last.message}: {because}")
    return reasons


def _mentioned(findings: Sequence[Finding], criteria: Criteria) -> list[Reason]:
    return [
        Reason(finding.code, str(finding.evidence.get("brief") or finding.message))
        for finding in findings
        if finding.code in criteria.mention
        and (finding.status == "warn" or (finding.claim and finding.code == published_score.code))
    ]


def _reasons(
    findings: Sequence[Finding], code: str, status: str, because: str = ""
) -> list[Reason]:
    return [
        Reason(code, f"{finding.message}: {because}" if because else finding.message)
        for finding in findings
        if finding.code == code and finding.status == status
    ]


def _worst(findings: Sequence[Finding], code: str) -> str | None:
    statuses = {finding.status for finding in findings if finding.code == code}
    return next((one for one in ("fail", "skip", "warn", "pass") if one in statuses), None)


# -- the ranking -------------------------------------------------------------------------------

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
