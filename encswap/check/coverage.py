"""The check of the ceiling of recall: what share of gold the units of a splitter can express."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from encswap.check.declaration import CheckResult, check, failed, passed, skipped, warned
from encswap.check.evidence import CheckCase
from encswap.types import Example, WordSplitter

if TYPE_CHECKING:
    from encswap.data.units import Coverage

P = ParamSpec("P")
T = TypeVar("T")
LEAST, GOOD = 0.5, 0.95
WIDTHS = (8, 12, 16, 24)


def by_identity(limit: int = 16) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keep the last `limit` results by the identity of their arguments, which are kept alive too.

    An `Example` holds mappings, so `lru_cache` cannot hash a tuple of them.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        kept: dict[tuple[int, ...], tuple[Any, T]] = {}

        @wraps(function)
        def remembering(*args: P.args, **kwargs: P.kwargs) -> T:
            key = tuple(id(one) for one in (*args, *kwargs.values()))
            if key not in kept:
                while len(kept) >= limit:
                    del kept[next(iter(kept))]
                kept[key] = ((args, kwargs), function(*args, **kwargs))
            return kept[key][1]

        return remembering

    return decorate


@check(
    "coverage",
    depth="facts",
    looks_at="With `--data`: the share of gold mentions that the units of a splitter can express,"
    " at each width. It is the ceiling of recall.",
    fails_when="Less than half of the mentions can be expressed. It warns under 95%.",
    remedy="Choose a splitter that cuts particles off their nouns, or raise `max_width`.",
)
def coverage(case: CheckCase) -> CheckResult | None:
    """Measure every splitter at hand; the candidate's own decides the status."""
    examples = case.context.examples
    if not examples:
        return None
    if not any(one.mentions or one.unlocated for one in examples):
        return skipped("no gold in the data")
    found = {
        name: _measured(splitter, examples) for name, splitter in case.context.splitters.items()
    }
    own = found.get(case.spec.word_splitter)
    if own is None:
        return skipped(f"splitter {case.spec.word_splitter!r} is not at hand")
    others = [f"{name} {one.aligned_share:.1%}" for name, one in found.items() if one is not own]
    widths = ", ".join(f"{own.share(width):.1%} within {width}" for width in WIDTHS)
    message = (
        f"{case.spec.word_splitter} expresses {own.aligned_share:.1%} of {own.mentions:,} mentions"
        f" ({widths}); others: {', '.join(others) or 'none'}"
    )
    evidence = {name: _shares(one) for name, one in found.items()}
    if own.aligned_share >= GOOD:
        return passed(message, evidence)
    return (warned if own.aligned_share >= LEAST else failed)(message, evidence)


@by_identity()
def _measured(splitter: WordSplitter, examples: Sequence[Example]) -> Coverage:
    from encswap.data.units import measure_coverage

    return measure_coverage(examples, splitter)


def _shares(found: Coverage) -> dict[str, object]:
    within = {str(width): round(found.share(width), 4) for width in WIDTHS}
    return {"aligned": round(found.aligned_share, 4), "within": within}
