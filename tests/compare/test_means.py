"""Means, contrasts and ratios over seeds against definitions, statsmodels and worked examples."""

import math

import numpy as np
import pandas
import pytest
import statsmodels.formula.api as smf
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from jaxcmp.compare.statistics.means import (
    Estimate,
    Lead,
    compare_ratio,
    compare_runs,
    contrast,
    estimate_mean,
    prediction_interval,
)

# A widely printed example of Welch's t-test: means 20.8 and 23.0, variances 7.9 and 3.8,
# t = -2.46 with 25.0 degrees of freedom, p = 0.021.
FIRST = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4]
SECOND = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4]
# Accuracies in percent, unequal in number and in spread.
TABLE = [
    [[80.1, 80.9, 79.8, 80.4], [68.0, 70.5, 69.1]],
    [[83.2, 83.9, 83.4], [86.0, 86.1, 86.3, 85.9, 86.2]],
]
# A sum contrast is half of an effect, and a quarter of the difference of differences.
SCALES = (2, 2, 4)
WEIGHTS = ((0.5, 0.5, -0.5, -0.5), (0.5, -0.5, 0.5, -0.5), (1, -1, -1, 1))

accuracies = st.lists(st.integers(0, 10_000).map(lambda n: n / 10_000), min_size=3, max_size=8)


def t_density(x: float, freedom: float) -> float:
    log_scale = special.gammaln((freedom + 1) / 2) - special.gammaln(freedom / 2)
    scale = math.exp(log_scale) / math.sqrt(freedom * math.pi)
    return scale * (1 + x * x / freedom) ** (-(freedom + 1) / 2)


def t_tails(x: float, freedom: float) -> float:
    """The probability of a t value further from zero than x, by integrating its density."""
    inside, _ = integrate.quad(t_density, 0, abs(x), args=(freedom,))
    return 1 - 2 * inside


def satterthwaite(cells, weights) -> tuple[float, float]:
    """Standard error and degrees of freedom as Satterthwaite, and Welch for two, define them."""
    parts = [w**2 * np.var(c, ddof=1) / len(c) for w, c in zip(weights, cells, strict=True)]
    shares = [part**2 / (len(cell) - 1) for part, cell in zip(parts, cells, strict=True)]
    return math.sqrt(sum(parts)), sum(parts) ** 2 / sum(shares)


def fitted(**options):
    """The two-way analysis of variance of TABLE with sum contrasts."""
    rows = [
        {"row": i, "column": j, "y": y}
        for i, row in enumerate(TABLE)
        for j, cell in enumerate(row)
        for y in cell
    ]
    return smf.ols("y ~ C(row, Sum) * C(column, Sum)", pandas.DataFrame(rows)).fit(**options)


def effects_of(table, **options):
    cells = [cell for row in table for cell in row]
    return [contrast(cells, weights, **options) for weights in WEIGHTS]


def test_three_seeds_have_the_interval_that_the_t_table_gives():
    # Mean 93, deviation 1, t(0.975, 2) = 4.3027 in any table: 4.3027 / sqrt(3) = 2.4841.
    estimate = estimate_mean([92.0, 93.0, 94.0])
    assert estimate.mean == 93
    assert estimate.interval == pytest.approx((93 - 2.4841, 93 + 2.4841), abs=1e-4)


@given(accuracies)
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
    difference = compare_runs(values, [0.5])
    assert difference.mean == pytest.approx(np.mean(values) - 0.5)
    assert difference.interval is None and difference.p_value is None
    assert difference.lead is Lead.UNKNOWN


@pytest.mark.parametrize("most", [1, 100])
def test_the_interval_of_shares_holds_nothing_that_is_no_share(most):
    high = estimate_mean([most, 0.98 * most, 0.96 * most], most=most).interval
    low = estimate_mean([0, 0.02 * most, 0.04 * most], most=most).interval
    assert high is not None and low is not None
    assert high[1] == most and 0 < high[0] < most
    assert low[0] == 0 and 0 < low[1] < most
    low, high = [0, 0, most], [0, most, most]
    assert compare_runs(low, low, most=most).interval == (-most, most)
    tables = [[[high] * 2, [low] * 2], [[high, low]] * 2, [[high, low], [low, high]]]
    for i, table in enumerate(tables):
        interval = effects_of(table, most=most)[i].interval
        assert interval is not None and interval[1] == (1, 1, 2)[i] * most
    assert (effects_of([[high] * 2, [low] * 2])[0].interval or (0, 0))[1] > most


def test_the_worked_example_of_unequal_variances_is_reproduced():
    difference = compare_runs(FIRST, SECOND)
    assert difference.p_value == pytest.approx(0.021, abs=5e-4)
    # t(0.975, 25) = 2.060 in any table; the standard error is -2.167 / -2.455 = 0.8824.
    assert difference.interval == pytest.approx((-2.167 - 1.818, -2.167 + 1.818), abs=2e-3)


@given(accuracies, accuracies)
def test_a_difference_agrees_with_welch_and_turns_round_with_its_arms(first, second):
    difference, back = compare_runs(first, second), compare_runs(second, first)
    assert difference.mean == -back.mean
    assert difference.p_value == pytest.approx(back.p_value)
    assert (difference.interval is None) == (len(set(first)) == len(set(second)) == 1)
    assert difference.mean == pytest.approx(np.mean(first) - np.mean(second))
    low, high = difference.interval or (difference.mean, difference.mean)
    assert (low + high) / 2 == pytest.approx(difference.mean)
    if max(np.ptp(first), np.ptp(second)) > 0:
        error, freedom = satterthwaite((first, second), (1, -1))
        assert difference.p_value == pytest.approx(
            t_tails(difference.mean / error, freedom), abs=1e-6
        )
        assert t_tails((high - low) / 2 / error, freedom) == pytest.approx(0.05, abs=1e-6)


def test_seeds_that_all_agree_are_told_apart_by_how_many_there_are():
    """Counts all ways to share the runs out: one on each side is as far apart (Pitman 1937)."""
    for num, p_value in ((3, 2 / 20), (5, 2 / 252)):
        difference = compare_runs([0.9] * num, [0.8] * num)
        assert difference.interval is None
        assert difference.p_value == pytest.approx(p_value)
        exact = stats.permutation_test(
            ([0.9] * num, [0.8] * num), lambda a, b: np.mean(a) - np.mean(b), n_resamples=10**6
        )
        assert difference.p_value == pytest.approx(exact.pvalue)
        assert difference.lead == (Lead.FIRST if num == 5 else Lead.UNKNOWN)
    assert compare_runs([0.9] * 3, [0.8, 0.8, 0.81]).interval is not None


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ([0.95, 0.951, 0.952], [0.9, 0.901, 0.902], Lead.FIRST),
        ([0.9, 0.901, 0.902], [0.95, 0.951, 0.952], Lead.SECOND),
        # 90.015 against 90.005, with a p value near 1.
        ([0.9, 0.90015, 0.9003], [0.899, 0.90005, 0.9011], Lead.UNKNOWN),
        ([0.9], [0.1], Lead.UNKNOWN),
        ([0.9], [0.9], Lead.TIE),
    ],
)
def test_a_lead_is_real_a_tie_or_unknown(first, second, found):
    assert compare_runs(first, second).lead is compare_ratio(first, second).lead is found
    assert Estimate(0.1, None, math.nan).lead is Lead.UNKNOWN
    assert Estimate(0.0).lead is Lead.TIE


# Runs of 10,000 images, whose numbers of right answers are shared out in two ways.
@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
    st.sampled_from([1, 100]),
)
def test_equal_counts_of_right_answers_are_level_however_they_are_added_up(counts, random, most):
    first = [most * count / 10_000 for count in counts]
    second = random.sample(first, len(first)) * 3
    assert compare_runs(first, second, most=most).mean == 0
    assert compare_runs(first, second, most=most).lead is Lead.TIE
    more = [*first[1:], first[0] + most / 10_000]
    assert compare_runs(more, second, most=most).mean > 0


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng, held = np.random.default_rng(0), {"mean": 0, "difference": 0, "interaction": 0}
    for _ in range(2000):
        first, second = rng.normal(0, 1, 3).tolist(), rng.normal(0, 3, 5).tolist()
        cells = [rng.normal(0, spread, 3).tolist() for spread in (0.1, 0.3, 0.3, 1.0)]
        for name, interval in (
            ("mean", estimate_mean(first).interval),
            ("difference", compare_runs(first, second).interval),
            ("interaction", contrast(cells, WEIGHTS[2]).interval),
        ):
            assert interval is not None
            held[name] += interval[0] <= 0 <= interval[1]
    # 95 % of 2,000, and three standard errors of such a share.
    assert all(0.935 <= num / 2000 <= 0.985 for num in held.values()), held


def test_a_prediction_interval_holds_one_further_run_as_often_as_it_says():
    rng, confidences = np.random.default_rng(0), (0.95, 0.995)
    held = {(name, c): 0 for name in ("run", "gap") for c in confidences}
    for _ in range(4000):
        first, second = rng.normal(0, 1, 4), rng.normal(0, 3, 6)
        # The last of each is the further run.
        cells = [first[:-1].tolist(), second[:-1].tolist()]
        for c in confidences:
            for name, own, weights, further in (
                ("run", cells[:1], (1,), first[-1]),
                ("gap", cells, (1, -1), first[-1] - second[-1]),
            ):
                low, high = prediction_interval(own, weights, confidence=c) or (0, 0)
                held[name, c] += low <= further <= high
    # Within three standard errors of such shares.
    for (name, c), num in held.items():
        assert num / 4000 == pytest.approx(c, abs=3 * (c * (1 - c) / 4000) ** 0.5), (name, c)


def test_a_prediction_interval_is_that_of_the_t_table_and_none_without_a_spread():
    # Deviation 1, t(0.975, 2) = 4.3027, and the root of 1 + 1 / 3.
    half = 4.3027 * math.sqrt(4 / 3)
    found = prediction_interval([[92.0, 93.0, 94.0]], (1,))
    assert found == pytest.approx((93 - half, 93 + half), abs=1e-3)
    assert prediction_interval([[98.0, 99.0, 100.0]], (1,), most=100) == pytest.approx(
        (99 - half, 100), abs=1e-3
    )
    for values in ([0.9], [0.9, 0.91], [0.9] * 3):
        assert prediction_interval([values], (1,)) is None


def test_effects_are_those_of_an_analysis_of_variance_whatever_the_variances():
    """Errors are HC2, which for a mean per cell is each cell's own variance over its runs."""
    cells = [cell for row in TABLE for cell in row]
    coefficients = fitted().params.to_numpy()[1:]
    errors = fitted(cov_type="HC2").bse.to_numpy()[1:]
    parts = zip(effects_of(TABLE), coefficients, errors, SCALES, WEIGHTS, strict=True)
    for effect, coefficient, error, scale, weights in parts:
        assert effect.mean == pytest.approx(scale * coefficient)
        _, freedom = satterthwaite(cells, weights)
        assert effect.interval is not None
        half = (effect.interval[1] - effect.interval[0]) / 2
        assert half == pytest.approx(stats.t.ppf(0.975, freedom) * scale * error)
        assert effect.p_value == pytest.approx(
            2 * stats.t.sf(abs(effect.mean) / (scale * error), freedom)
        )


def test_a_worked_case():
    # Cell means 4, 2 / 1, 3: rows differ by 3 - 2, columns by 2.5 - 2.5, and gains by 2 - (-2).
    found = effects_of([[[3, 4, 5], [1, 2, 3]], [[0, 1, 2], [2, 3, 4]]])
    assert [each.mean for each in found] == pytest.approx([1, 0, 4])
    # Every cell has variance 1 and three runs: eight degrees of freedom, t(0.975, 8) = 2.3060.
    half = 2.3060 / 3**0.5
    assert found[0].interval == pytest.approx((1 - half, 1 + half), abs=1e-3)
    assert found[2].p_value == pytest.approx(2 * stats.t.sf(4 / (4 / 3) ** 0.5, 8))


@pytest.mark.parametrize(
    "table",
    [
        [[TABLE[0][0], TABLE[0][1][:1]], TABLE[1]],
        [[TABLE[0][0], TABLE[0][1][:2]], TABLE[1]],
        [[[4.0], [2.0]], [[1.0], [3.0]]],
        [[[0.1] * 3, [0.2] * 3], [[0.3] * 3, [0.7] * 3]],
    ],
)
def test_few_runs_and_runs_that_agree_leave_effects_without_an_interval(table):
    effects = effects_of(table)
    assert all(each.interval is None and each.p_value is None for each in effects)
    assert effects[2].mean != 0 and effects[2].lead is Lead.UNKNOWN


def test_effects_that_rounding_alone_leaves_are_none():
    # 0.1 + 0.7 and 0.3 + 0.5 differ in the last digit.
    row, *_ = effects_of([[[0.1], [0.7]], [[0.3], [0.5]]])
    assert 0.1 + 0.7 != 0.3 + 0.5 and row.mean == 0 and row.lead is Lead.TIE


def test_cells_without_a_run_or_without_a_weight_are_refused():
    for cells in ([[1.0], []], [[1.0]], [[1.0]] * 3):
        with pytest.raises(ValueError, match=r"no run|zip\(\)"):
            contrast(cells, (1, -1))


def test_a_ratio_is_that_of_geometric_means_with_an_interval_on_logarithms():
    # The roots of 2 x 8 and of 1 x 4.
    assert compare_ratio([2.0, 8.0], [1.0, 4.0]).mean == pytest.approx(4 / 2)
    # Logarithms 0, 1 and 2 against -1, 0 and 1: deviation 1 in each, so that the difference has a
    # standard error of sqrt(2 / 3) and four degrees of freedom; t(0.975, 4) = 2.7764.
    ratio = compare_ratio([1.0, math.e, math.e**2], [1 / math.e, 1.0, math.e])
    half = 2.7764 * math.sqrt(2 / 3)
    assert ratio.interval == pytest.approx((math.exp(1 - half), math.exp(1 + half)), rel=1e-3)
    seconds, minutes = compare_ratio([60, 66], [30, 31]), compare_ratio([1, 1.1], [0.5, 31 / 60])
    assert seconds.mean == pytest.approx(minutes.mean) and seconds.interval is None


def test_turning_a_ratio_round_turns_its_interval_round():
    there, back = compare_ratio([3, 4, 5], [1, 2, 2]), compare_ratio([1, 2, 2], [3, 4, 5])
    assert there.interval is not None and back.interval is not None
    assert there.mean == pytest.approx(1 / back.mean)
    assert there.interval == pytest.approx([1 / bound for bound in back.interval[::-1]])
