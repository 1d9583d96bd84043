"""Power laws against their definition and a known law of nature, and changes of places."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcmp.compare.statistics.means import compare_runs
from jaxcmp.compare.statistics.scaling import (
    PowerLaw,
    changes_of_lead,
    changes_of_mean,
    fit_power_law,
)

SIZES = np.array([5_000, 12_500, 25_000, 50_000])

laws = st.builds(PowerLaw, st.floats(0.01, 100), st.floats(-1, 1))


def test_the_planets_keep_keplers_third_law():
    # Kepler 1619: years are the 3/2 power of the distance in that of the Earth (NASA's figures).
    distances = np.array([0.387, 0.723, 1.0, 1.524, 5.203, 9.537])
    years = np.array([0.2408, 0.6152, 1.0, 1.8808, 11.862, 29.447])
    law = fit_power_law(distances, years)
    assert law.exponent == pytest.approx(-1.5, abs=1e-3)
    assert law.coefficient == pytest.approx(1, abs=2e-3)


@given(st.lists(st.floats(0.01, 1), min_size=8, max_size=8))
def test_a_fit_agrees_with_the_formula_of_least_squares(errors):
    sizes = np.repeat(SIZES, 2)
    law = fit_power_law(sizes, np.array(errors))
    x, y = [math.log(n) for n in sizes], [math.log(e) for e in errors]
    x_mean, y_mean = sum(x) / 8, sum(y) / 8
    slope = sum((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True))
    slope /= sum((a - x_mean) ** 2 for a in x)
    assert law.exponent == pytest.approx(-slope, abs=1e-9)
    assert math.log(law.coefficient) == pytest.approx(y_mean - slope * x_mean, abs=1e-8)


@given(laws)
def test_errors_that_follow_a_law_give_it_back(law):
    found = fit_power_law(SIZES, law.error(SIZES))
    assert found.coefficient == pytest.approx(law.coefficient)
    assert found.exponent == pytest.approx(law.exponent, abs=1e-9)


@pytest.mark.parametrize(
    ("sizes", "errors", "reason"),
    [
        (SIZES, [0.3, 0.2, 0.1, 0.0], "of zero"),
        (SIZES, [0.3, 0.2, 0.1, math.nan], "of zero"),
        ([5000, 5000], [0.2, 0.1], "two training-set sizes"),
        (SIZES, [0.2, 0.1], "do not fit"),
    ],
)
def test_what_no_power_law_can_be_fitted_to_is_an_error_that_says_why(sizes, errors, reason):
    with pytest.raises(ValueError, match=reason):
        fit_power_law(np.array(sizes), np.array(errors))


def leads(first: dict[int, float], second: dict[int, float], num: int = 3) -> dict:
    """Leads by size of arms with these errors, each of so many runs, a thousandth apart."""

    def runs(error: float) -> list[float]:
        return [1 - error + 0.001 * (run - (num - 1) / 2) for run in range(num)]

    return {size: compare_runs(runs(first[size]), runs(second[size])) for size in first}


def test_arms_change_places_between_the_sizes_where_their_leads_are_real():
    first = {10: 0.6, 20: 0.3, 40: 0.1, 80: 0.2}
    second = {10: 0.5, 20: 0.3, 40: 0.2, 80: 0.1}
    # Behind at 10, level at 20, ahead at 40, behind at 80.
    for found in (leads(first, second), leads(second, first)):
        assert changes_of_lead(found) == changes_of_mean(found) == [(10, 40), (40, 80)]
        assert found[20].mean == 0


def test_means_that_change_places_by_chance_are_no_change_of_lead():
    close = leads({10: 0.6, 20: 0.3}, {10: 0.5, 20: 0.3001})
    single = leads({10: 0.6, 20: 0.3}, {10: 0.5, 20: 0.4}, num=1)
    for found in (close, single):
        assert changes_of_lead(found) == [] and changes_of_mean(found) == [(10, 20)]
