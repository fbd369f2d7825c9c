"""The ceiling of recall: what share of gold the units of a splitter can express."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from encswap.checks.evidence import Case
from encswap.checks.memo import by_identity
from encswap.domain import Example, Finding, Status, WordSplitter

if TYPE_CHECKING:
    from encswap.data.units import Coverage

LEAST, GOOD = 0.5, 0.95
WIDTHS = (8, 12, 16, 24)


def coverage(case: Case) -> Finding | None:
    """Measure every splitter at hand; the candidate's own decides the status."""
    examples = case.context.examples
    if not examples:
        return None
    if not any(one.mentions or one.unlocated for one in examples):
        return Finding("coverage", "skip", case.depth, "no gold in the data")
    found = {
        name: _measured(splitter, examples) for name, splitter in case.context.splitters.items()
    }
    own = found.get(case.spec.word_splitter)
    if own is None:
        message = f"splitter {case.spec.word_splitter!r} is not at hand"
        return Finding("coverage", "skip", case.depth, message)
    status: Status = "pass"
    if own.aligned_share < GOOD:
        status = "warn" if own.aligned_share >= LEAST else "fail"
    others = [f"{name} {one.aligned_share:.1%}" for name, one in found.items() if one is not own]
    widths = ", ".join(f"{own.share(width):.1%} within {width}" for width in WIDTHS)
    message = (
        f"{case.spec.word_splitter} expresses {own.aligned_share:.1%} of {own.mentions:,} mentions"
        f" ({widths}); others: {', '.join(others) or 'none'}"
    )
    evidence = {name: _shares(one) for name, one in found.items()}
    return Finding("coverage", status, case.depth, message, None, evidence)


@by_identity()
def _measured(splitter: WordSplitter, examples: Sequence[Example]) -> Coverage:
    from encswap.data.units import measure_coverage

    return measure_coverage(examples, splitter)


def _shares(found: Coverage) -> dict[str, object]:
    within = {str(width): round(found.share(width), 4) for width in WIDTHS}
    return {"aligned": round(found.aligned_share, 4), "within": within}
