"""Shares, paired differences and their p values against definitions and printed examples."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from jaxcmp.compare.statistics.paired import holm, mcnemar, paired_difference, wilson_interval

# Extra hours of sleep under one drug minus another, ten patients: Student 1908; mean 1.58,
# t = 4.0621 with 9 degrees of freedom, p = 0.002833, interval 0.7001 to 2.4599 (R's `sleep`).
SLEEP = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])

shares = st.tuples(st.integers(0, 3), st.integers(0, 2)).map(lambda n: n[0] / 3 - n[1] / 2)
probabilities = st.lists(st.integers(0, 1000).map(lambda n: n / 1000), min_size=1, max_size=6)
counts = st.integers(0, 40)


def rights(both: int, only_first: int, only_second: int, neither: int):
    """Two runs with so many images of each kind."""
    sizes = (both, only_first, only_second, neither)
    return np.repeat([True, True, False, False], sizes), np.repeat([1, 0, 1, 0], sizes) == 1


def t_tails(t: float, freedom: int) -> float:
    """The probability of a t value further from zero, as a regularised incomplete beta."""
    return float(special.betainc(freedom / 2, 0.5, freedom / (freedom + t * t)))


@pytest.mark.parametrize(
    ("num_right", "num", "low", "high"),
    # Newcombe 1998, table I, the score method without continuity correction.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_printed_intervals_of_a_share_are_reproduced(num_right, num, low, high):
    assert wilson_interval(num_right, num) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_an_interval_ends_where_the_share_found_lies_1_96_standard_errors_off(num, share):
    # Wilson 1927: the share p that is just compatible has a standard error of its own.
    low, high = wilson_interval(share * num, num)
    assert 0 <= low <= share * num / num <= high <= 1
    for limit in (low, high):
        error = math.sqrt(limit * (1 - limit) / num)
        assert abs(share - limit) == pytest.approx(1.959964 * error, abs=1e-6)


@pytest.mark.parametrize("num", [1, 15, 20, 10_000])
def test_a_share_of_nothing_and_of_all_lies_within_its_interval(num):
    assert wilson_interval(0, num)[0] == 0
    assert wilson_interval(num, num)[1] == 1


@pytest.mark.parametrize(("num_right", "num"), [(0, 0), (5, 4), (-1, 4), (math.nan, 4)])
def test_what_is_no_share_has_no_interval(num_right, num):
    with pytest.raises(ValueError, match="no share"):
        wilson_interval(num_right, num)


def test_the_worked_example_of_paired_differences_is_reproduced():
    result = paired_difference(SLEEP)
    assert result.mean == pytest.approx(1.58)
    assert result.interval == pytest.approx((0.7001, 2.4599), abs=5e-5)
    assert result.p_value == pytest.approx(0.002833, abs=5e-7)


@given(st.lists(shares, min_size=2, max_size=30))
def test_a_paired_difference_agrees_with_the_definition_of_student(values):
    result = paired_difference(np.array(values))
    assert result.interval is not None
    low, high = result.interval
    assert low <= result.mean <= high
    assert result.mean == pytest.approx(np.mean(values), abs=1e-12)
    if np.ptp(values) > 1e-9:
        error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
        assert result.p_value == pytest.approx(t_tails(result.mean / error, len(values) - 1))
        assert t_tails((high - low) / 2 / error, len(values) - 1) == pytest.approx(0.05)
        assert (low + high) / 2 == pytest.approx(result.mean, abs=1e-12)


def test_images_that_all_agree_on_no_difference_make_none_likely():
    result = paired_difference(np.zeros(4))
    assert (result.mean, result.interval, result.p_value) == (0, (0, 0), 1)


def test_images_that_all_differ_alike_leave_nothing_to_measure_against():
    # Each is a third, but not to the last digit.
    result = paired_difference(np.array([2 / 3 - 1 / 3, 1 / 3 - 0, 1 - 2 / 3]))
    assert result.interval == (result.mean, result.mean) == pytest.approx((1 / 3, 1 / 3))
    assert result.p_value is None


def test_one_image_shows_no_spread_and_none_no_difference():
    result = paired_difference(np.array([0.5]))
    assert (result.mean, result.interval, result.p_value) == (0.5, None, None)
    with pytest.raises(ValueError, match="no images"):
        paired_difference(np.array([]))


def test_the_widely_printed_example_of_the_step_down_correction_is_reproduced():
    # Four hypotheses, of which Holm 1979 rejects the first and the last at 5 %.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


# Statsmodels collects garbage at each call, which takes a tenth of a second.
@settings(max_examples=10, deadline=None)
@given(probabilities)
def test_a_corrected_p_value_is_the_worst_that_any_set_of_hypotheses_with_it_gives(p_values):
    # The closure principle of Marcus et al. 1976 with Bonferroni for each set, which Holm proves
    # his short cut to be.
    indices = range(len(p_values))
    sets = [each for n in indices for each in itertools.combinations(indices, n + 1)]
    worst = [
        max(min(1, len(each) * min(p_values[j] for j in each)) for each in sets if i in each)
        for i in indices
    ]
    assert holm(p_values) == pytest.approx(worst)


@pytest.mark.parametrize(
    ("table", "p_value"),
    [
        # Bentur et al. 2009 in Fagerland et al. 2013, exact conditional test.
        ((1, 1, 7, 12), 0.0703),
        # Two media for growing bacteria: Armitage and Berry 1994.
        ((20, 12, 2, 16), 0.0129),
    ],
)
def test_the_printed_tables_of_paired_answers_are_reproduced(table, p_value):
    result = mcnemar(*rights(*table))
    assert (result.only_first, result.only_second) == table[1:3]
    assert result.p_value == pytest.approx(p_value, abs=5e-5)


@given(counts, counts, counts, counts)
def test_only_images_on_which_one_run_is_right_tell_two_runs_apart(both, first, second, neither):
    # A fair coin for each of them, McNemar 1947: twice the chance of so few of the rarer kind.
    result = mcnemar(*rights(both, first, second, neither))
    num, few = first + second, min(first, second)
    tail = Fraction(sum(math.comb(num, k) for k in range(few + 1)), 2**num)
    assert (result.only_first, result.only_second) == (first, second)
    assert result.p_value == pytest.approx(float(min(2 * tail, Fraction(1))))


def test_thousands_of_answers_that_differ_are_still_counted_exactly():
    result = mcnemar(*rights(0, 1350, 1250, 0))
    tail = Fraction(sum(math.comb(2600, k) for k in range(1251)), 2**2600)
    assert (result.only_first, result.only_second) == (1350, 1250)
    assert result.p_value == pytest.approx(float(2 * tail))


def test_runs_on_different_numbers_of_images_are_not_paired():
    with pytest.raises(ValueError, match="not paired"):
        mcnemar(np.ones(3, bool), np.ones(1, bool))
