"""Student's t against scipy, and Holm's correction against its definition."""

from __future__ import annotations

import pytest
from scipy import stats

from encswap.experiment.statistics import distribution, holm, mean_of, paired, quantile


@pytest.mark.parametrize("freedom", [1, 2, 4, 9, 30, 200])
@pytest.mark.parametrize("t", [-8.0, -1.3, 0.0, 0.2, 2.776, 40.0])
def test_the_distribution_is_scipys(t, freedom):
    assert distribution(t, freedom) == pytest.approx(stats.t.cdf(t, freedom), abs=1e-10)


@pytest.mark.parametrize("freedom", [1, 4, 19])
def test_the_quantile_is_scipys(freedom):
    assert quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-8)


def test_the_paired_test_is_scipys():
    first, second = [0.41, 0.44, 0.39, 0.47, 0.40], [0.45, 0.43, 0.46, 0.52, 0.44]
    found = paired([b - a for a, b in zip(first, second, strict=True)])
    wanted = stats.ttest_rel(second, first)
    assert found.p == pytest.approx(wanted.pvalue, rel=1e-8)
    interval = wanted.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-8)


def test_one_value_has_no_interval_and_equal_pairs_are_no_difference():
    assert mean_of([0.5]).low is None and paired([0.1]).p is None
    assert paired([0.0, 0.0]).p == 1.0 and paired([0.1, 0.1]).p == 0.0


def test_holm_multiplies_by_what_is_left_and_never_falls():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]
