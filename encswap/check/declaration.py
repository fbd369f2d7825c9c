"""How a check is declared: its code, its depth and its words, at the function that performs it.

    @check("layers", depth="facts", looks_at=..., fails_when=..., remedy=...)
    def layers(case: CheckCase) -> CheckResult:
        return passed("its 12 layers")

The catalogue, `--explain`, the page of checks and the codes that criteria may name are made from
these declarations. A function returns outcomes; the code and the depth of its findings are those
of its declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from encswap.check.evidence import CheckCase, differing_claim
from encswap.errors import EncswapError, one_line
from encswap.types import Depth, Finding, Status


@dataclass(frozen=True)
class CheckResult:
    """What one check found; its code and depth are those of the check."""

    status: Status
    message: str
    claim: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


def passed(message: str, evidence: Mapping[str, Any] | None = None, claim: str = "") -> CheckResult:
    """What was looked at is as it should be."""
    return CheckResult("pass", message, claim or None, evidence or {})


def warned(message: str, evidence: Mapping[str, Any] | None = None, claim: str = "") -> CheckResult:
    """It works, and a person should know of it."""
    return CheckResult("warn", message, claim or None, evidence or {})


def failed(message: str, evidence: Mapping[str, Any] | None = None, claim: str = "") -> CheckResult:
    """It does not work, or is not what the base has."""
    return CheckResult("fail", message, claim or None, evidence or {})


def skipped(message: str) -> CheckResult:
    """It could not be checked; the message says what is missing."""
    return CheckResult("skip", message)


class MissingPartError(EncswapError):
    """What a check needs is not at hand; the check is skipped with this message."""


Results = CheckResult | Iterable[CheckResult] | None


@dataclass(frozen=True)
class Check:
    """One check: its code, the first depth at which it runs, its words, and its function.

    `claim` is the fact that a plan may have claimed otherwise. `of_files`: reading the files finds
    its failures (`Evidence.faults`), and it runs although they are faulty. `by_criteria`: criteria
    call it, since it needs their numbers. `again`: it runs at a further depth.
    """

    code: str
    depth: Depth
    looks_at: str
    fails_when: str
    remedy: str
    function: Callable[[Any], Results]
    claim: str = ""
    of_files: bool = False
    by_criteria: bool = False
    again: bool = False

    def run(self, subject: Any, case: CheckCase) -> Iterator[Finding]:
        """Yield its findings; a check that raises costs no other check.

        `subject` is what its depth prepares: the case itself, or what was built of it.
        """
        depth = case.depth if self.depth == "facts" else self.depth
        faults = [one for one in case.candidate.faults if one.code == self.code]
        if self.of_files and faults:
            yield from (self.finding(failed(one.message), depth) for one in faults)
            return
        claim = differing_claim(case.spec, self.claim, getattr(case.candidate, self.claim, None))
        try:
            for outcome in self.outcomes(subject):
                yield self.finding(replace(outcome, claim=outcome.claim or claim), depth)
        except MissingPartError as error:
            yield self.finding(skipped(error.message), depth)
        except Exception as error:
            yield self.finding(failed(self._failure(error)), depth)

    def _failure(self, error: Exception) -> str:
        """At the depths that run the model, what it raises is what was found."""
        runs_model = self.depth in ("forward", "weights")
        return one_line(error)[:240] if runs_model else f"could not be judged: {one_line(error)}"

    def finding(self, outcome: CheckResult, depth: Depth) -> Finding:
        """Give an outcome this check's code."""
        return Finding(
            self.code, outcome.status, depth, outcome.message, outcome.claim, outcome.evidence
        )

    def outcomes(self, subject: Any) -> Iterable[CheckResult]:
        """Call the function alone: what it finds, one by one."""
        result = self.function(subject)
        if result is None:
            return ()
        return (result,) if isinstance(result, CheckResult) else result

    def at(self, depth: Depth) -> Callable[[Callable[[Any], Results]], Check]:
        """Declare what the same check does at a greater depth."""
        return lambda function: replace(
            self, depth=depth, function=function, claim="", of_files=False, again=True
        )


def check(
    code: str,
    *,
    depth: Depth,
    looks_at: str,
    fails_when: str,
    remedy: str,
    claim: str = "",
    of_files: bool = False,
    by_criteria: bool = False,
) -> Callable[[Callable[[Any], Results]], Check]:
    """Declare a check; its function takes what its depth prepares, and returns outcomes."""
    return lambda function: Check(
        code, depth, looks_at, fails_when, remedy, function, claim, of_files, by_criteria
    )
