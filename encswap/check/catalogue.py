"""The catalogue: every declared check, and how the checks of each depth are run on a candidate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

from encswap.check import coverage, facts, forward, tokenizer, weights
from encswap.check.declaration import Check, MissingPartError, failed, skipped
from encswap.check.evidence import CheckCase, gather
from encswap.errors import one_line
from encswap.hookspecs import hookimpl
from encswap.types import DEPTHS, CheckContext, Depth, Finding, Subject


def _collect(modules: Iterable[ModuleType]) -> tuple[Check, ...]:
    """Take the declarations of each module, in the order in which they are written."""
    found = [one for module in modules for one in vars(module).values() if isinstance(one, Check)]
    return tuple({id(one): one for one in found}.values())


CHECKS = _collect((facts, tokenizer, coverage, forward, weights))
CODES: Mapping[str, Check] = {one.code: one for one in CHECKS if not one.again}

# What each depth runs its checks on: the case itself, or what is built of it once for all of them.
PREPARE: Mapping[Depth, Callable[[CheckCase], Any]] = {
    "facts": lambda case: case,
    "config": lambda case: case,
    "forward": forward.build_trial,
    "weights": weights.load_weights,
}


@hookimpl(trylast=True)
def check_compatibility(
    base: Subject, candidate: Subject, context: CheckContext
) -> list[Finding] | None:
    """Run the checks of every depth up to the context's, as far as the files are at hand."""
    case = make_case(base, candidate, context)
    depths = DEPTHS[: DEPTHS.index(context.depth) + 1]
    return [finding for depth in depths for finding in run_depth(depth, case)]


def make_case(base: Subject, candidate: Subject, context: CheckContext) -> CheckCase:
    """Gather the evidence of both sides."""
    return CheckCase(
        base_spec=base.spec,
        spec=candidate.spec,
        base=gather(base, context.depth),
        candidate=gather(candidate, context.depth),
        context=context,
        base_source=base.source,
        source=candidate.source,
        unreachable=candidate.unreachable,
    )


def checks_at(depth: Depth) -> list[Check]:
    """List the checks that run at a depth, those first that declare their code there."""
    return [one for one in CHECKS if one.depth == depth and not one.by_criteria]


def run_depth(depth: Depth, case: CheckCase) -> Iterator[Finding]:
    """Run the checks of one depth; what its files do not allow is skipped with the reason."""
    checks = checks_at(depth)
    if depth == "facts":
        if case.source is None and not case.spec.facts:
            yield facts.files.finding(skipped(case.unreachable), "facts")
        yield from _run(checks, case, case)
        return
    # A config recorded with its facts is enough to build one layer; the others read its own files.
    own_files = case.source is not None and not (depth != "forward" and case.source.stands_in)
    if not own_files:
        yield from _skip(checks, depth, case.unreachable or "no files at hand")
    elif case.candidate.faults:
        # transformers reads config.json for the tokenizer too, and builds what it says.
        yield from _run([one for one in checks if one.of_files], case, case)
        yield from _skip(
            [one for one in checks if not one.of_files], depth, "its files cannot be used"
        )
    else:
        yield from _prepare_and_run(checks, depth, case)


def _prepare_and_run(checks: list[Check], depth: Depth, case: CheckCase) -> Iterator[Finding]:
    try:
        subject = PREPARE[depth](case)
    except MissingPartError as error:
        yield from _skip(checks, depth, error.message)
    except Exception as error:
        yield checks[0].finding(failed(one_line(error)[:240]), depth)
        yield from _skip(checks[1:], depth, f"{checks[0].code} failed")
    else:
        yield from _run(checks, subject, case)


def _run(checks: Iterable[Check], subject: Any, case: CheckCase) -> Iterator[Finding]:
    for one in checks:
        yield from one.run(subject, case)


def _skip(checks: Iterable[Check], depth: Depth, reason: str) -> Iterator[Finding]:
    """Skip what only this depth can check; a code that spoke before needs no second finding."""
    for one in checks:
        if not one.again:
            yield one.finding(skipped(reason), depth)
