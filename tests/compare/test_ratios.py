"""Ratios against their definition."""

import math

import pytest

from jaxcmp.compare.statistics.means import Lead
from jaxcmp.compare.statistics.ratios import compare_ratio


def test_a_ratio_is_that_of_the_geometric_means():
    # The roots of 2 x 8 and of 1 x 4.
    assert compare_ratio([2.0, 8.0], [1.0, 4.0]).mean == pytest.approx(4 / 2)


def test_pairs_of_equal_spread_have_the_interval_of_the_t_table():
    # Logarithms 0, 1 and 2 against -1, 0 and 1: deviation 1 in each, so that the difference has a
    # standard error of sqrt(2 / 3) and four degrees of freedom; t(0.975, 4) = 2.7764.
    ratio = compare_ratio([1.0, math.e, math.e**2], [1 / math.e, 1.0, math.e])
    assert ratio.interval is not None
    half = 2.7764 * math.sqrt(2 / 3)
    assert ratio.interval == pytest.approx((math.exp(1 - half), math.exp(1 + half)), rel=1e-3)


def test_turning_a_ratio_round_turns_its_interval_round():
    there, back = compare_ratio([3, 4, 5], [1, 2, 2]), compare_ratio([1, 2, 2], [3, 4, 5])
    assert there.interval is not None and back.interval is not None
    assert there.mean == pytest.approx(1 / back.mean)
    assert there.interval[0] == pytest.approx(1 / back.interval[1])


@pytest.mark.parametrize("runs", [[3.0], [2.9999, 3.0001]])
def test_fewer_than_three_runs_have_a_ratio_without_an_interval_or_a_lead(runs):
    ratio = compare_ratio(runs, [1.0, 1.0, 1.0])
    assert ratio.mean == pytest.approx(3) and ratio.interval is None
    assert ratio.lead is Lead.UNKNOWN


def test_a_ratio_does_not_depend_on_the_unit():
    seconds, minutes = compare_ratio([60, 66], [30, 31]), compare_ratio([1, 1.1], [0.5, 31 / 60])
    assert seconds.mean == pytest.approx(minutes.mean)


def test_which_is_the_larger_is_known_where_the_spread_is():
    assert compare_ratio([3.0], [1.0, 1.0]).lead is Lead.UNKNOWN
    assert compare_ratio([3.0, 3.1, 3.2], [1.0, 1.05, 1.1]).lead is Lead.FIRST
    assert compare_ratio([1.0, 1.05, 1.1], [3.0, 3.1, 3.2]).lead is Lead.SECOND
    assert compare_ratio([2.0, 8.0], [8.0, 2.0]).lead is Lead.TIE
