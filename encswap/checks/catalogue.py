"""The catalogue: every check of encswap, as the default implementation of `check_compatibility`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from encswap.checks import ceiling, provenance, resources, shape
from encswap.checks.codes import codes_at, reaches
from encswap.checks.evidence import Case, gather
from encswap.domain import CheckContext, Depth, Finding, Subject
from encswap.errors import one_line
from encswap.hookspecs import hookimpl

Check = Callable[[Case], Finding | Iterable[Finding] | None]

FACT_CHECKS: tuple[Check, ...] = (
    shape.architecture,
    shape.encoder_only,
    shape.hidden_size,
    shape.layers,
    shape.token_level,
    shape.complete_model,
    shape.positions,
    resources.resources,
    provenance.licence,
    provenance.revision,
    provenance.published_score,
    ceiling.coverage,
)


@hookimpl(trylast=True)
def check_compatibility(
    base: Subject, candidate: Subject, context: CheckContext
) -> list[Finding] | None:
    """Run the checks of every depth up to the context's, as far as the files are at hand."""
    case = make_case(base, candidate, context)
    findings = list(case.candidate.faults)
    if case.source is None and not case.spec.facts:
        findings.append(Finding("files", "skip", "facts", case.unreachable))
    findings += run_each(FACT_CHECKS, case)
    depths: tuple[Depth, ...] = ("config", "forward", "weights")
    for depth in depths:
        if reaches(context.depth, depth):
            findings += list(deeper(depth, case))
    return findings


def make_case(base: Subject, candidate: Subject, context: CheckContext) -> Case:
    """Gather the evidence of both sides."""
    return Case(
        base_spec=base.spec,
        spec=candidate.spec,
        base=gather(base, context.depth),
        candidate=gather(candidate, context.depth),
        context=context,
        base_source=base.source,
        source=candidate.source,
        unreachable=candidate.unreachable,
    )


def deeper(depth: Depth, case: Case) -> Iterator[Finding]:
    """Run the checks that need files; where there are none, skip them with the reason."""
    needs_own = depth != "forward"
    if case.source is None or (needs_own and case.source.stands_in):
        reason = case.unreachable or "no files at hand"
        for code in codes_at(depth):
            yield Finding(code, "skip", depth, reason)
        return
    if not case.candidate.faults:
        yield from run_each(_checks_of(depth), case)
        return
    # transformers reads config.json for the tokenizer too, and builds what it says.
    spoken = {"files", "remote-code", "outside-files", "weights-format"}
    if depth == "config":
        yield from run_each(_checks_of(depth)[: len(spoken)], case)
    for code in codes_at(depth):
        if code not in spoken:
            yield Finding(code, "skip", depth, "its files cannot be used")


def run_each(checks: Iterable[Check], case: Case) -> Iterator[Finding]:
    """Run checks one by one; one that breaks is a finding and costs only itself."""
    for check in checks:
        try:
            result = check(case)
            if isinstance(result, Finding):
                yield result
            elif result is not None:
                yield from result  # a generator may fail here: what it found before is kept
        except Exception as error:
            code = check.__name__.replace("_", "-")
            text = one_line(error)[:200]
            yield Finding(code, "fail", case.depth, f"could not be judged: {text}")


def _checks_of(depth: Depth) -> tuple[Check, ...]:
    from encswap.checks import formats, forward, quality, tokenizers, weights

    if depth == "config":
        return (
            formats.files,
            formats.remote_code,
            formats.outside_files,
            formats.weights_format,
            tokenizers.tokenizer_loads,
            quality.tokenizer_quality,
            tokenizers.marker_tokens,
            tokenizers.subtoken_per_unit,
            tokenizers.pad_id,
            tokenizers.embedding_resize,
        )
    if depth == "forward":
        return (forward.run_forward,)
    return (weights.run_weights,)
