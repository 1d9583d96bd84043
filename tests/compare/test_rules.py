"""The rules of claims: a number that is stated, one that is reached, and leads."""

import math

import numpy as np
import pytest
from sample_claims import CLAIMS
from scipy import stats

from jaxcmp.compare.document import Cell
from jaxcmp.compare.sections.rules import judge_is, judge_leads, judge_reaches, number, ratio
from jaxcmp.compare.statistics.means import Estimate

ACCURACY, GAP, REACHED = (CLAIMS[name] for name in ("vit-accuracy", "accuracy-gap", "pretrained"))


def judged(*values, num_numbers=1):
    found = number(ACCURACY, [list(values)], num_numbers=num_numbers)
    return judge_is(ACCURACY, 86.99, found)


@pytest.mark.parametrize(
    ("seeds", "verdict"),
    [
        # A single seed, two, and equal ones show no spread: others may reach the number.
        ([86.986], "holds"),
        ([86.98], "open"),
        ([86.0, 88.0], "holds"),
        ([86.0, 86.9], "open"),
        ([86.0, 86.0, 86.0], "open"),
        # t(0.975, 2) = 4.3027, times the deviation 0.1 and the root of 4 / 3: 0.497.
        ([87.38, 87.48, 87.58], "holds"),
        ([87.40, 87.50, 87.60], "fails"),
    ],
)
def test_a_stated_number_is_what_one_further_run_could_show(seeds, verdict):
    assert judged(*seeds).verdict == verdict


def test_the_reason_has_the_range_its_basis_and_the_tolerance():
    reason = judged(87.4, 87.5, 87.6).reason
    assert reason.startswith("86.99 is outside 87.00 to 88.00, 0.005 either way allowed, as two ")
    assert "the 95 % prediction interval for one further run, by 3 seeds" in reason
    assert "the range of 2 seeds" in judged(87.0, 88.0).reason
    reason = judged(88.0).reason
    assert "one seed, so that their spread is unknown" in reason and "further ones" in reason


def test_the_cell_shows_the_mean_with_its_own_interval():
    # 4.3027 / sqrt(3) = 2.4841.
    cell = judged(88.0, 89.0, 90.0).measured
    assert (cell.text, cell.num) == ("89.00 ± 2.48 %", 3)
    assert cell.interval == pytest.approx((89 - 2.4841, 89 + 2.4841), abs=1e-4)


def test_a_gap_is_that_of_one_further_run_of_each():
    # Equal deviations of 1 point and four degrees of freedom: 2.7764 x sqrt(2 x 4 / 3).
    found = number(GAP, [[93.0, 94.0, 95.0], [86.0, 87.0, 88.0]])
    assert (found.low, found.high) == pytest.approx((7 - 4.534, 7 + 4.534), abs=1e-3)
    # The mean's own interval is Welch's: 2.7764 x sqrt(2 / 3).
    assert found.cell.interval == pytest.approx((7 - 2.267, 7 + 2.267), abs=1e-3)
    # Of seeds that are too few, the lowest minus the highest, and the other way round.
    found = number(GAP, [[93.0, 94.0], [86.0, 88.0, 87.0]])
    assert (found.low, found.high, found.is_known) == (5.0, 8.0, False)


def test_several_numbers_share_out_the_five_percent():
    found = number(ACCURACY, [[88.0, 89.0, 90.0]], num_numbers=10)
    half = stats.t.ppf(1 - 0.005 / 2, 2) * math.sqrt(4 / 3)
    assert (found.low, found.high) == pytest.approx((89 - half, 100))
    assert found.basis.startswith("the 99.5 % prediction interval")


def test_a_ratio_is_judged_on_logarithms():
    found = ratio([2.0, 2.2, 2.4], [1.0, 1.1, 1.2])
    logs = np.log([[2.0, 2.2, 2.4], [1.0, 1.1, 1.2]])
    assert math.sqrt(found.low * found.high) == pytest.approx(2) and found.is_known
    # Both have the same deviation of logarithms.
    half = stats.t.ppf(0.975, 4) * math.sqrt(2 * logs[0].var(ddof=1) * 4 / 3)
    assert math.log(found.high / 2) == pytest.approx(half)
    assert ratio([2.0], [1.0]).low == ratio([2.0], [1.0]).high == 2.0


@pytest.mark.parametrize(
    ("seeds", "verdict"),
    [([99.1], "holds"), ([97.5], "holds"), ([97.4], "open"), ([96.0, 96.1, 96.2], "fails")],
)
def test_a_number_is_reached_by_what_is_as_high_or_higher(seeds, verdict):
    judgement = judge_reaches(REACHED, 98, number(REACHED, [seeds]))
    assert judgement.verdict == verdict
    assert judgement.reason.startswith("98 is not above") == (verdict == "holds")


@pytest.mark.parametrize(
    ("leads", "verdict"),
    [
        ([(1.0, 0.04)], "holds"),
        ([(-1.0, 0.04)], "fails"),
        ([(1.0, 0.06)], "open"),
        ([(1.0, None)], "open"),
        ([(0.0, 1.0)], "open"),
        # All have to be real to hold, each for itself.
        ([(1.0, 0.04)] * 3, "holds"),
        ([(1.0, 0.04), (1.0, 0.06)], "open"),
        # One is enough to fail, if Holm's correction leaves it real.
        ([(-1.0, 0.04), (1.0, 0.001)], "fails"),
        ([(-1.0, 0.04), (1.0, 0.5)], "open"),
        ([(-1.0, 0.02), (1.0, 0.5)], "fails"),
    ],
)
def test_leads_hold_all_at_once_and_fail_by_one_after_holms_correction(leads, verdict):
    found = [Estimate(mean, None, p_value) for mean, p_value in leads]
    assert judge_leads(found, Cell(""), "").verdict == verdict
