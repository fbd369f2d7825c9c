"""Intervals and tests over seeds: scipy's, the numbers of earlier versions, Holm's definition."""

from __future__ import annotations

import pytest
from scipy import stats

from encswap.experiment.statistics import holm, mean_of, paired

# What encswap 0.1 wrote, by its own incomplete beta function.
BEFORE = [
    ([0.0844, 0.0925], (0.03698987081849266, 0.13991012918150736, 0.029129569829816626)),
    ([0.0233, -0.0182, -0.0346], (-0.08396740030689054, 0.06430073364022387, 0.6257679881139482)),
    (
        [0.0216, -0.0311, -0.0518, 0.03, 0.0267],
        (-0.047897205040551324, 0.04605720504055133, 0.9592447432510587),
    ),
]


@pytest.mark.parametrize(("differences", "numbers"), BEFORE)
def test_the_numbers_are_those_of_earlier_versions(differences, numbers):
    found = paired(differences)
    assert (found.low, found.high, found.p) == pytest.approx(numbers, abs=1e-9)


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


def test_scipy_is_loaded_only_where_a_mean_is_asked_for():
    import subprocess
    import sys

    code = (
        "import sys, encswap.experiment.statistics\n"
        "assert not {'scipy', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
