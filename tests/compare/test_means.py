"""Intervals and p values against their definitions and a worked example."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from jaxcmp.compare.statistics.means import Lead, compare_means, estimate_mean, lead

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


@given(st.lists(st.integers(0, 10_000).map(lambda n: n / 10_000), min_size=3, max_size=8))
def test_a_mean_lies_at_the_middle_of_an_interval_that_leaves_five_percent_outside(values):
    estimate = estimate_mean(values)
    assert (estimate.interval is None) == (len(set(values)) == 1)
    low, high = estimate.interval or (estimate.mean, estimate.mean)
    assert (low + high) / 2 == pytest.approx(estimate.mean)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    if error > 1e-6:
        t = (high - low) / 2 / error
        assert t_tails(t, len(values) - 1) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize(
    "values", [[0.93], [0.955, 0.983], [0.3983, 0.3983], [0.1 + 0.2, 0.3, 0.3]]
)
def test_fewer_than_three_seeds_and_seeds_that_all_agree_have_no_interval(values):
    assert estimate_mean(values).interval is None


@pytest.mark.parametrize("most", [1, 100])
def test_the_interval_of_shares_holds_nothing_that_is_no_share(most):
    high = estimate_mean([most, 0.98 * most, 0.96 * most], most=most).interval
    low = estimate_mean([0, 0.02 * most, 0.04 * most], most=most).interval
    assert high is not None and low is not None
    assert high[1] == most and 0 < high[0] < most
    assert low[0] == 0 and 0 < low[1] < most
    wide = compare_means([most, 0.1 * most], [0.2 * most, 0], most=most).interval
    assert wide == (-most, most)


def test_one_seed_has_no_interval_of_a_difference():
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
    assert (difference.interval is None) == (len(set(first)) == len(set(second)) == 1)
    assert difference.mean == pytest.approx(np.mean(first) - np.mean(second))
    low, high = difference.interval or (difference.mean, difference.mean)
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


def test_seeds_that_all_agree_are_told_apart_by_how_many_there_are():
    """Counts all ways to share the runs out: only two keep the arms as far apart (Pitman 1937)."""
    for num, p_value in ((2, 2 / 6), (3, 2 / 20), (5, 2 / 252)):
        difference = compare_means([0.9] * num, [0.8] * num)
        assert difference.interval is None
        assert difference.p_value == pytest.approx(p_value)
        exact = stats.permutation_test(
            ([0.9] * num, [0.8] * num), lambda a, b: np.mean(a) - np.mean(b), n_resamples=10**6
        )
        assert difference.p_value == pytest.approx(exact.pvalue)
        assert difference.lead == (Lead.FIRST if num == 5 else Lead.UNKNOWN)
    assert compare_means([0.9, 0.9], [0.8, 0.81]).interval is not None


def test_a_lead_is_real_a_tie_or_unknown():
    assert compare_means([0.95, 0.951, 0.952], [0.9, 0.901, 0.902]).lead is Lead.FIRST
    assert compare_means([0.9, 0.901, 0.902], [0.95, 0.951, 0.952]).lead is Lead.SECOND
    # 90.015 against 90.005, with a p value near 1.
    assert compare_means([0.9, 0.9003], [0.899, 0.9011]).lead is Lead.UNKNOWN
    assert compare_means([0.9], [0.1]).lead is Lead.UNKNOWN
    assert compare_means([0.9], [0.9]).lead is Lead.TIE
    assert lead(0.1, math.nan) is Lead.UNKNOWN and lead(0.0, None) is Lead.TIE


# Runs of 10,000 images, whose numbers of right answers are shared out in two ways.
@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
    st.sampled_from([1, 100]),
)
def test_equal_counts_of_right_answers_are_level_however_they_are_added_up(counts, random, most):
    first = [most * count / 10_000 for count in counts]
    second = random.sample(first, len(first)) * 3
    assert compare_means(first, second, most=most).mean == 0
    assert compare_means(first, second, most=most).lead is Lead.TIE
    more = [*first[1:], first[0] + most / 10_000]
    assert compare_means(more, second, most=most).mean > 0


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng, held = np.random.default_rng(0), {"mean": 0, "difference": 0, "of two": 0}
    for _ in range(600):
        first, second = rng.normal(0, 1, 3).tolist(), rng.normal(0, 3, 5).tolist()
        estimate, difference = estimate_mean(first), compare_means(first, second)
        of_two = compare_means(first[:2], second[:2])
        for name, each in (("mean", estimate), ("difference", difference), ("of two", of_two)):
            assert each.interval is not None
            held[name] += each.interval[0] <= 0 <= each.interval[1]
    # 95 % of 600, and three standard errors of such a share; two runs of each say less.
    assert 0.92 <= held["mean"] / 600 <= 0.98
    assert 0.92 <= held["difference"] / 600 <= 0.98
    assert 0.9 <= held["of two"] / 600
