"""Student's t distribution, and what seeds say by it: intervals of means, paired tests.

Source: Press et al., Numerical Recipes, 6.4 (incomplete beta function by continued fraction).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

TINY = 1e-300
STEPS = 300


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
    if len(values) < 2:
        return Mean(len(values), fmean(values))
    half = quantile((1 + level) / 2, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Mean(len(values), fmean(values), fmean(values) - half, fmean(values) + half)


def paired(differences: Sequence[float]) -> Paired:
    """The paired t test: whether differences of like pairs are zero on average."""
    one = mean_of(differences)
    if one.low is None:
        return Paired(one.n, one.mean)
    error = stdev(differences) / math.sqrt(one.n)
    if error == 0:
        p = 1.0 if one.mean == 0 else 0.0
    else:
        p = 2 * (1 - distribution(abs(one.mean) / error, one.n - 1))
    return Paired(one.n, one.mean, one.low, one.high, p)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjust p values for testing several at once (Holm, 1979)."""
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    adjusted, worst = [0.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, ps[place] * (len(ps) - rank)))
        adjusted[place] = worst
    return adjusted


def distribution(t: float, freedom: int) -> float:
    """The share of Student's t distribution below `t`."""
    tail = 0.5 * _beta(freedom / 2, 0.5, freedom / (freedom + t * t))
    return 1 - tail if t > 0 else tail


def quantile(share: float, freedom: int) -> float:
    """The value below which `share` of the distribution lies."""
    low, high = -1e4, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if distribution(middle, freedom) < share else (low, middle)
    return (low + high) / 2


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Lentz's continued fraction of the incomplete beta function."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or TINY)
    result = d
    for m in range(1, STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / (1 + step * d or TINY)
            c = 1 + step / c or TINY
            result *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return result
