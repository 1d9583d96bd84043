"""Intervals and p values against their definitions and a worked example."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special

from jaxcmp.compare.statistics.means import compare_means, estimate_mean

# A widely printed example of Welch's t-test: means 20.8 and 23.0, variances 7.9 and 3.8,
# t = -2.46 with 25.0 degrees of freedom, p = 0.021.
FIRST = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4]
SECOND = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4]

accuracies = st.lists(st.integers(0, 10_000).map(lambda n: n / 10_000), min_size=2, max_size=8)


def t_density(x: float, freedom: float) -> float:
    log_scale = special.gammaln((freedom + 1) / 2) - special.gammaln(freedom / 2)
    scale = math.exp(log_scale) / math.sqrt(freedom * math.pi)
    return scale * (1 + x * x / freedom) ** (-(freedom + 1) / 2)


def t_tails(x: float, freedom: float) -> float:
    """The probability of a t value further from zero than x, by integrating its density."""
    inside, _ = integrate.quad(t_density, 0, abs(x), args=(freedom,))
    return 1 - 2 * inside


def welch(first, second) -> tuple[float, float]:
    """Standard error and degrees of freedom as Welch and Satterthwaite define them."""
    parts = [float(np.var(values, ddof=1)) / len(values) for values in (first, second)]
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True)
    )
    return math.sqrt(sum(parts)), freedom


def test_three_seeds_have_the_interval_that_the_t_table_gives():
    # Mean 93, deviation 1, t(0.975, 2) = 4.3027 in any table: 4.3027 / sqrt(3) = 2.4841.
    estimate = estimate_mean([92.0, 93.0, 94.0])
    assert estimate.mean == 93 and estimate.num == 3
    assert estimate.interval == pytest.approx((93 - 2.4841, 93 + 2.4841), abs=1e-4)


@given(accuracies)
def test_a_mean_lies_at_the_middle_of_an_interval_that_leaves_five_percent_outside(values):
    estimate = estimate_mean(values)
    assert estimate.interval is not None
    low, high = estimate.interval
    assert (low + high) / 2 == pytest.approx(estimate.mean)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    if error > 1e-6:
        t = (high - low) / 2 / error
        assert t_tails(t, len(values) - 1) == pytest.approx(0.05, abs=1e-6)


def test_one_seed_has_no_interval():
    assert estimate_mean([0.93]).interval is None
    difference = compare_means([0.93], [0.95, 0.96])
    assert difference.mean == pytest.approx(-0.025)
    assert difference.interval is None and difference.p_value is None


def test_the_worked_example_of_unequal_variances_is_reproduced():
    difference = compare_means(FIRST, SECOND)
    assert difference.p_value == pytest.approx(0.021, abs=5e-4)
    # t(0.975, 25) = 2.060 in any table; the standard error is -2.167 / -2.455 = 0.8824.
    assert difference.interval == pytest.approx((-2.167 - 1.818, -2.167 + 1.818), abs=2e-3)


@given(accuracies, accuracies)
def test_a_difference_agrees_with_the_definition_of_welch_and_satterthwaite(first, second):
    difference = compare_means(first, second)
    assert difference.interval is not None
    assert difference.mean == pytest.approx(np.mean(first) - np.mean(second))
    low, high = difference.interval
    assert (low + high) / 2 == pytest.approx(difference.mean)
    if max(np.ptp(first), np.ptp(second)) > 0:
        error, freedom = welch(first, second)
        assert difference.p_value == pytest.approx(
            t_tails(difference.mean / error, freedom), abs=1e-6
        )
        assert t_tails((high - low) / 2 / error, freedom) == pytest.approx(0.05, abs=1e-6)


@given(accuracies, accuracies)
def test_swapping_the_arms_turns_the_difference_round(first, second):
    there, back = compare_means(first, second), compare_means(second, first)
    assert there.mean == -back.mean
    assert there.p_value == pytest.approx(back.p_value)


def test_seeds_that_all_agree_leave_nothing_to_measure_a_difference_against():
    assert compare_means([0.9, 0.9], [0.8, 0.8]).p_value is None
    assert compare_means([0.9, 0.9], [0.8, 0.81]).p_value is not None
