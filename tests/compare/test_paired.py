"""Shares, paired differences and their p values against definitions and printed examples."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats

from jaxcmp.compare.statistics.agreement import mcnemar, right_counts
from jaxcmp.compare.statistics.means import Estimate, Lead
from jaxcmp.compare.statistics.paired import (
    holm,
    paired_difference,
    share_interval,
    wilson_interval,
)

# What leaves 2.5 % of a normal distribution on either side.
Z = 1.959964

# Extra hours of sleep under one drug minus another, ten patients: Student 1908; mean 1.58,
# t = 4.0621 with 9 degrees of freedom, p = 0.002833, interval 0.7001 to 2.4599 (R's `sleep`).
# Here in units of five hours, as differences are shares.
SLEEP = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]) / 5

shares = st.tuples(st.integers(0, 3), st.integers(0, 2)).map(lambda n: n[0] / 3 - n[1] / 2)
probabilities = st.lists(st.integers(0, 1000).map(lambda n: n / 1000), min_size=1, max_size=6)
counts = st.integers(0, 40)


def rights(both: int, only_first: int, only_second: int, neither: int):
    """Returns two runs with so many images of each kind."""
    sizes = (both, only_first, only_second, neither)
    return np.repeat([True, True, False, False], sizes), np.repeat([1, 0, 1, 0], sizes) == 1


def with_one_more_each(first: int, second: int, num: int) -> tuple[float, float]:
    """Student's interval of a difference of counts with one more on either side, in two more.

    Bonett and Price 2012, with Student's t in place of the normal distribution.
    """
    total, mean = num + 2, (first - second) / (num + 2)
    variance = ((first + second + 2) / total - mean**2) / (total - 1)
    half = float(stats.t.ppf(0.975, total - 1)) * math.sqrt(variance)
    return max(mean - half, -1), min(mean + half, 1)


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
    assert 5 * result.mean == pytest.approx(1.58)
    assert result.interval == pytest.approx((0.7001 / 5, 2.4599 / 5), abs=1e-5)
    assert result.p_value == pytest.approx(0.002833, abs=5e-7)


@given(st.lists(shares, min_size=20, max_size=60))
def test_a_paired_difference_agrees_with_the_definition_of_student(values):
    commonest = max(np.sum(np.isclose(values, each)) for each in values)
    assume(len(values) - commonest >= 10)
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


def test_images_that_all_agree_on_no_difference_leave_room_for_those_that_were_not_drawn():
    result = paired_difference(np.zeros(200))
    limit = with_one_more_each(0, 0, 200)[1]
    assert (result.mean, result.p_value, result.lead) == (0, 1, Lead.TIE)
    assert result.interval == pytest.approx((-limit, limit))


@pytest.mark.parametrize("num", [2, 4, 5, 6, 36])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_images_that_all_differ_are_told_apart_by_how_many_there_are(num, sign):
    result = paired_difference(np.full(num, sign))
    assert result.mean == sign and result.interval is not None
    low, high = sorted(sign * end for end in result.interval)
    exact = 2 * 0.5**num
    # Never without zero where an exact test keeps it.
    limit, _ = with_one_more_each(num, 0, num)
    assert high == 1 and low == pytest.approx(limit if exact < 0.05 else min(limit, 0))
    assert (
        result.p_value is not None and result.p_value < 0.05 if num > 5 else not result.lead.is_real
    )
    if num <= 12:
        assert result.p_value == pytest.approx(exact)


def test_images_that_all_differ_by_part_of_the_seeds_differ():
    # Each is a third, but not to the last digit.
    result = paired_difference(np.array([2 / 3 - 1 / 3, 1 / 3 - 0, 1 - 2 / 3] * 12))
    assert result.lead is Lead.FIRST and result.interval is not None
    low, high = result.interval
    assert 0 < low < 1 / 3 < high < 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5), st.integers(0, 4), st.integers(10, 60))
def test_for_one_seed_few_images_that_differ_are_judged_as_mcnemar_does(first, second, neither):
    one, two = rights(0, first, second, neither)
    result = paired_difference(one.astype(float) - two)
    assert result.p_value == pytest.approx(mcnemar(right_counts(one, two)))
    assert result.interval is not None
    low, high = result.interval
    assert -1 <= low <= result.mean <= high <= 1
    # What the p value says, the interval says.
    assert result.lead.is_real == (low > 0 or high < 0)


@pytest.mark.parametrize(("num", "few", "size"), [(1000, 9, 1 / 3), (36, 6, 1 / 3), (360, 8, 0.2)])
def test_for_several_seeds_interval_and_p_value_of_few_images_agree(num, few, size):
    result = paired_difference(np.repeat([size, 0.0], [few, num - few]))
    assert result.interval is not None and result.p_value is not None
    low, high = result.interval
    assert (result.p_value < 0.05) == (low > 0 or high < 0)


@given(st.integers(0, 9), st.integers(0, 9))
def test_the_limits_of_few_images_count_one_more_image_for_each_arm(first, second):
    assume(first + second < 10)
    one, two = rights(60 - first - second, first, second, 0)
    result = paired_difference(one.astype(float) - two)
    low, high = with_one_more_each(first, second, 60)
    if not result.lead.is_real:
        low, high = min(low, 0), max(high, 0)
    assert result.interval == pytest.approx((min(low, result.mean), max(high, result.mean)))


@pytest.mark.parametrize("num", [12, 36, 100, 1000])
@pytest.mark.parametrize(
    ("first", "second"), [(0.02, 0), (0.1, 0), (0.05, 0.05), (0.2, 0.1), (0.9, 0), (0.98, 0)]
)
def test_a_paired_difference_holds_the_truth_as_often_as_it_says(num, first, second):
    rng, found = np.random.default_rng(0), {}
    held = 0
    for counts in rng.multinomial(num, [first, second, 1 - first - second], size=600):
        key = tuple(counts)
        if key not in found:
            found[key] = paired_difference(np.repeat([1.0, -1.0, 0.0], counts)).interval
        held += found[key][0] - 1e-9 <= first - second <= found[key][1] + 1e-9
    assert held >= 0.91 * 600


@given(st.lists(st.integers(0, 1), min_size=1, max_size=50))
def test_with_one_seed_images_are_answers(right):
    found = share_interval(np.array(right), np.ones(len(right)))
    assert found == pytest.approx(wilson_interval(sum(right), len(right)))


def test_several_seeds_answer_no_more_images_than_there_are():
    rng = np.random.default_rng(0)
    one = rng.random(1000) < 0.8
    same = share_interval(4 * one, np.full(1000, 4))
    assert same == pytest.approx(wilson_interval(one.sum(), 1000))
    # Of each image's mean over seeds, 1.96 standard errors of a mean over images.
    right = rng.binomial(4, rng.beta(4, 1, size=1000))
    low, high = share_interval(right, np.full(1000, 4))
    error = np.std(right / 4, ddof=1) / math.sqrt(1000)
    assert high - low == pytest.approx(2 * Z * error, rel=0.01)
    assert high - low < 0.85 * np.ptp(wilson_interval(right.sum() / 4, 1000))


def test_all_right_and_all_wrong_leave_room_for_images_that_were_not_drawn():
    for num_right in (0, 4):
        found = share_interval(np.full(50, num_right), np.full(50, 4))
        assert found == pytest.approx(wilson_interval(num_right / 4 * 50, 50))
    # Half of the seeds on each image: their means do not differ, and images still do.
    low, high = share_interval(np.full(50, 2), np.full(50, 4))
    assert low == pytest.approx(wilson_interval(25, 50)[0]) and high == pytest.approx(1 - low)
    with pytest.raises(ValueError, match="no answers"):
        share_interval(np.zeros(3), np.zeros(3))


@pytest.mark.parametrize("num_seeds", [1, 2, 4, 8])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("num", [36, 200, 2000])
def test_a_share_of_seeds_holds_the_truth_as_often_as_it_says(num_seeds, share, num):
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        hardness = rng.beta(share / 2, (1 - share) / 2, size=num)
        low, high = share_interval(rng.binomial(num_seeds, hardness), np.full(num, num_seeds))
        held += low <= share <= high
    assert held >= 0.9 * 200


def test_one_image_shows_no_spread_and_none_no_difference():
    result = paired_difference(np.array([0.5]))
    assert (result.mean, result.interval, result.p_value) == (0.5, None, None)
    with pytest.raises(ValueError, match="no images"):
        paired_difference(np.array([]))


def corrected(p_values):
    return [each.p_value for each in holm([Estimate(1.0, None, p) for p in p_values])]


def test_the_widely_printed_example_of_the_step_down_correction_is_reproduced():
    # Four hypotheses, of which Holm 1979 rejects the first and the last at 5 %.
    assert corrected([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert corrected([]) == []
    # One that is not known makes the others no larger.
    assert corrected([0.0004, None, 0.03]) == [pytest.approx(0.0008), None, 0.03]


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
    assert corrected(p_values) == pytest.approx(worst)


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
    counts = right_counts(*rights(*table))
    assert counts.ravel().tolist() == list(table)
    assert mcnemar(counts) == pytest.approx(p_value, abs=5e-5)


@given(counts, counts, counts, counts)
def test_only_images_on_which_one_run_is_right_tell_two_runs_apart(both, first, second, neither):
    # A fair coin for each of them, McNemar 1947: twice the chance of so few of the rarer kind.
    found = mcnemar(np.array([[both, first], [second, neither]]))
    num, few = first + second, min(first, second)
    tail = Fraction(sum(math.comb(num, k) for k in range(few + 1)), 2**num)
    assert found == pytest.approx(float(min(2 * tail, Fraction(1))))


def test_thousands_of_answers_that_differ_are_still_counted_exactly():
    tail = Fraction(sum(math.comb(2600, k) for k in range(1251)), 2**2600)
    assert mcnemar(np.array([[0, 1350], [1250, 0]])) == pytest.approx(float(2 * tail))
