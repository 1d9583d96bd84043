"""Effects in a 2 x 2 table against statsmodels, Welch's test, a worked case and simulation."""

import numpy as np
import pandas
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from jaxcmp.compare.statistics.factorial import contrast, two_by_two
from jaxcmp.compare.statistics.means import Lead, compare_means

# Accuracies in percent, unequal in number and in spread.
TABLE = [
    [[80.1, 80.9, 79.8, 80.4], [68.0, 70.5, 69.1]],
    [[83.2, 83.9, 83.4], [86.0, 86.1, 86.3, 85.9, 86.2]],
]


def fitted(table, **options):
    """The two-way analysis of variance with sum contrasts."""
    rows = [
        {"row": i, "column": j, "y": y}
        for i, row in enumerate(table)
        for j, cell in enumerate(row)
        for y in cell
    ]
    return smf.ols("y ~ C(row, Sum) * C(column, Sum)", pandas.DataFrame(rows)).fit(**options)


def effects_of(table):
    found = two_by_two(table)
    return [found.row, found.column, found.interaction]


# A sum contrast is half of an effect, and a quarter of the difference of differences.
SCALES = (2, 2, 4)


def test_effects_are_those_of_an_analysis_of_variance():
    coefficients = fitted(TABLE).params.to_numpy()[1:]
    for effect, coefficient, scale in zip(effects_of(TABLE), coefficients, SCALES, strict=True):
        assert effect.mean == pytest.approx(scale * coefficient)


def test_a_worked_case():
    # Cell means 4, 2 / 1, 3: rows differ by 3 - 2, columns by 2.5 - 2.5, and gains by 2 - (-2).
    found = two_by_two([[[3, 4, 5], [1, 2, 3]], [[0, 1, 2], [2, 3, 4]]])
    means = [each.mean for each in (found.row, found.column, found.interaction)]
    assert means == pytest.approx([1, 0, 4])
    # Every cell has variance 1 and three runs: eight degrees of freedom, t(0.975, 8) = 2.3060.
    half = 2.3060 / 3**0.5
    assert found.row.interval == pytest.approx((1 - half, 1 + half), abs=1e-3)
    assert found.interaction.p_value == pytest.approx(2 * stats.t.sf(4 / (4 / 3) ** 0.5, 8))


def test_errors_are_those_that_hold_whatever_the_variances():
    """Computes HC2, which for a mean per cell is each cell's own variance over its runs."""
    errors = fitted(TABLE, cov_type="HC2").bse.to_numpy()[1:]
    weights = [(0.5, 0.5, -0.5, -0.5), (0.5, -0.5, 0.5, -0.5), (1, -1, -1, 1)]
    cells = [cell for row in TABLE for cell in row]
    for effect, error, scale, own in zip(effects_of(TABLE), errors, SCALES, weights, strict=True):
        parts = [w**2 * np.var(c, ddof=1) / len(c) for w, c in zip(own, cells, strict=True)]
        shares = [p**2 / (len(c) - 1) for p, c in zip(parts, cells, strict=True)]
        freedom = sum(parts) ** 2 / sum(shares)
        assert effect.interval is not None
        half = (effect.interval[1] - effect.interval[0]) / 2
        assert half == pytest.approx(stats.t.ppf(0.975, freedom) * scale * error)
        assert effect.p_value == pytest.approx(
            2 * stats.t.sf(abs(effect.mean) / (scale * error), freedom)
        )


def test_two_cells_are_compared_as_welch_does():
    first, second = TABLE[0]
    found, welch = contrast([first, second], [1, -1]), compare_means(first, second)
    assert found.interval == pytest.approx(welch.interval)
    assert found.p_value == pytest.approx(welch.p_value)


def test_a_cell_with_fewer_than_three_runs_leaves_effects_without_an_interval():
    for num in (1, 2):
        found = two_by_two([[TABLE[0][0], TABLE[0][1][:num]], TABLE[1]])
        for effect in (found.row, found.column, found.interaction):
            assert effect.interval is None and effect.p_value is None
        assert found.row.mean != 0


def test_single_runs_have_effects_without_an_interval():
    found = two_by_two([[[4.0], [2.0]], [[1.0], [3.0]]])
    assert (found.interaction.mean, found.interaction.interval) == (4, None)
    assert found.interaction.p_value is None


def test_runs_that_agree_leave_nothing_to_measure_against():
    found = two_by_two([[[0.1] * 3, [0.2] * 3], [[0.3] * 3, [0.7] * 3]])
    assert found.row.interval is None and found.row.p_value is None
    assert found.row.lead is Lead.UNKNOWN


def test_effects_of_shares_hold_nothing_that_such_effects_cannot_be():
    cells = [[0, 90], [10, 95], [5, 99], [3, 80]]
    for weights in ((0.5, 0.5, -0.5, -0.5), (0.5, -0.5, 0.5, -0.5)):
        assert contrast(cells, weights, most=100).interval == (-100, 100)
    assert contrast(cells, (1, -1, -1, 1), most=100).interval == (-200, 200)
    free = contrast(cells, (0.5, 0.5, -0.5, -0.5)).interval
    assert free is not None and free[1] > 100


def test_effects_that_rounding_alone_leaves_are_none():
    # 0.1 + 0.7 and 0.3 + 0.5 differ in the last digit.
    found = two_by_two([[[0.1], [0.7]], [[0.3], [0.5]]])
    assert 0.1 + 0.7 != 0.3 + 0.5 and found.row.mean == 0 and found.row.lead is Lead.TIE


@pytest.mark.parametrize("table", [[[[1.0], []], [[1.0], [1.0]]], [[[1.0]], [[1.0]]], []])
def test_what_is_no_table_is_refused(table):
    with pytest.raises(ValueError, match="2 x 2|no run"):
        two_by_two(table)


def test_three_seeds_of_unequal_spread_hold_the_truth_as_often_as_said():
    rng, held = np.random.default_rng(0), 0
    spreads = (0.1, 0.3, 0.3, 1.0)
    for _ in range(2000):
        cells = [rng.normal(0, spread, 3) for spread in spreads]
        interval = contrast([cell.tolist() for cell in cells], (1, -1, -1, 1)).interval
        assert interval is not None
        held += interval[0] <= 0 <= interval[1]
    # 95 % of 2,000, and three standard errors of such a share.
    assert 0.935 <= held / 2000 <= 0.985
