"""Ratios against their definition."""

import math

import pytest

from jaxcmp.compare.statistics.ratios import compare_ratio


def test_a_ratio_is_that_of_the_geometric_means():
    # The roots of 2 x 8 and of 1 x 4.
    assert compare_ratio([2.0, 8.0], [1.0, 4.0]).mean == pytest.approx(4 / 2)


def test_pairs_of_equal_spread_have_the_interval_of_the_t_table():
    # Logarithms 0 and 1 against -1 and 0: deviation 1 / sqrt(2) in each, so that the difference has
    # a standard error of 1 / sqrt(2) and two degrees of freedom; t(0.975, 2) = 4.3027.
    ratio = compare_ratio([1.0, math.e], [1 / math.e, 1.0])
    assert ratio.interval is not None
    half = 4.3027 / math.sqrt(2)
    assert ratio.interval == pytest.approx((math.exp(1 - half), math.exp(1 + half)), rel=1e-3)


def test_turning_a_ratio_round_turns_its_interval_round():
    there, back = compare_ratio([3.0, 4.0, 5.0], [1.0, 2.0]), compare_ratio([1.0, 2.0], [3, 4, 5])
    assert there.interval is not None and back.interval is not None
    assert there.mean == pytest.approx(1 / back.mean)
    assert there.interval[0] == pytest.approx(1 / back.interval[1])


def test_one_run_has_a_ratio_without_an_interval():
    ratio = compare_ratio([3.0], [1.0, 1.0])
    assert ratio.mean == pytest.approx(3) and ratio.interval is None


def test_a_ratio_does_not_depend_on_the_unit():
    seconds, minutes = compare_ratio([60, 66], [30, 31]), compare_ratio([1, 1.1], [0.5, 31 / 60])
    assert seconds.mean == pytest.approx(minutes.mean)
