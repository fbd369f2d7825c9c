"""What seeds say of a mean: intervals by Student's t, paired tests, several tests at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True)
class Mean:
    """A mean over seeds with its 95% t interval; one value has none."""

    n: int
    mean: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Paired:
    """The mean difference over pairs, its 95% t interval and the two-sided p; one pair has none."""

    n: int
    mean: float
    low: float | None = None
    high: float | None = None
    p: float | None = None


def mean_of(values: Sequence[float], level: float = 0.95) -> Mean:
    """The mean and its t interval."""
    from scipy import stats

    mean = fmean(values)
    if len(values) < 2:
        return Mean(len(values), mean)
    error = stdev(values) / math.sqrt(len(values))
    half = float(stats.t.ppf((1 + level) / 2, len(values) - 1)) * error
    return Mean(len(values), mean, mean - half, mean + half)


def paired(differences: Sequence[float]) -> Paired:
    """The paired t test: whether differences of like pairs are zero on average.

    Differences that are all equal have no spread, where `scipy.stats.ttest_1samp` warns and gives
    nothing: then p is 1 if they are zero, else 0.
    """
    from scipy import stats

    one = mean_of(differences)
    if one.low is None:
        return Paired(one.n, one.mean)
    error = stdev(differences) / math.sqrt(one.n)
    if error == 0:
        p = 1.0 if one.mean == 0 else 0.0
    else:
        p = 2 * float(stats.t.sf(abs(one.mean) / error, one.n - 1))
    return Paired(one.n, one.mean, one.low, one.high, p)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjust p values for testing several at once (Holm, 1979); scipy has no such correction."""
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    adjusted, worst = [0.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, ps[place] * (len(ps) - rank)))
        adjusted[place] = worst
    return adjusted
