"""Power laws and crossovers against definitions, a known law of nature, and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcmp.compare.statistics.scaling import (
    PowerLaw,
    changes_of_lead,
    changes_of_mean,
    crossover,
    crossover_interval,
    fit_power_law,
    leads_by_size,
)

SIZES = np.array([5_000, 12_500, 25_000, 50_000])
# They meet at 100 ** 2 = 10,000 images.
STEEP, FLAT = PowerLaw(200.0, 0.75), PowerLaw(2.0, 0.25)

laws = st.builds(PowerLaw, st.floats(0.01, 100), st.floats(-1, 1))


def measure(law: PowerLaw, *, num_runs: int, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Points [m, 2] of runs whose errors scatter by a share of themselves."""
    sizes = np.repeat(SIZES, num_runs)
    return np.stack([sizes, law.error(sizes) * np.exp(noise * rng.normal(size=len(sizes)))], 1)


def interval_of(first: PowerLaw, second: PowerLaw, *, num_runs=3, noise=0.01, seed=0):
    rng = np.random.default_rng(seed)
    points = [measure(law, num_runs=num_runs, noise=noise, rng=rng) for law in (first, second)]
    return crossover_interval(points[0], points[1], rng=rng)


def delta_error(points: list[np.ndarray]) -> float:
    """The standard error of the log crossover, from the variance of each size's mean."""

    def log_crossing(logs: list[np.ndarray]) -> float:
        fits = [np.polyfit(np.log(p[:, 0]), log, 1) for p, log in zip(points, logs, strict=True)]
        slope, intercept = fits[0] - fits[1]
        return -intercept / slope

    logs = [np.log(each[:, 1]) for each in points]
    variance = 0.0
    for arm, each in enumerate(points):
        for size in SIZES:
            members = each[:, 0] == size
            moved = [log.copy() for log in logs]
            moved[arm][members] += 1e-6
            slope = (log_crossing(moved) - log_crossing(logs)) / 1e-6
            variance += slope**2 * logs[arm][members].var(ddof=1) / members.sum()
    return math.sqrt(variance)


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


@given(laws, laws)
def test_at_the_crossover_both_laws_predict_one_error(first, second):
    images = crossover(first, second)
    if images is not None and 1e-100 < images < 1e100:
        errors = [law.error(np.array(images)) for law in (first, second)]
        assert errors[0] == pytest.approx(errors[1], rel=1e-6)
    assert (crossover(second, first) is None) == (images is None)


def test_laws_that_are_parallel_or_nearly_so_never_cross():
    assert crossover(STEEP, FLAT) == pytest.approx(10_000)
    assert crossover(PowerLaw(2, 0.5), PowerLaw(3, 0.5)) is None
    assert crossover(PowerLaw(2, 0.5), PowerLaw(2, 0.5)) is None
    assert crossover(PowerLaw(2, 0.5), PowerLaw(3, 0.5 + 1e-12)) is None


def test_runs_that_scatter_little_pin_the_crossover_down():
    interval = interval_of(STEEP, FLAT)
    assert interval is not None
    assert 9_000 < interval[0] < interval[1] < 11_000
    assert interval_of(STEEP, FLAT, noise=0) == pytest.approx((10_000, 10_000))


@pytest.mark.parametrize("num_runs", [2, 3, 6])
def test_the_interval_is_as_wide_as_the_spread_of_runs_makes_it(num_runs):
    rng = np.random.default_rng(num_runs)
    points = [measure(law, num_runs=num_runs, noise=0.02, rng=rng) for law in (STEEP, FLAT)]
    interval = crossover_interval(points[0], points[1], rng=rng, num_resamples=4000)
    assert interval is not None
    width = math.log(interval[1] / interval[0])
    assert width == pytest.approx(2 * 1.96 * delta_error(points), rel=0.1)


def test_the_interval_holds_the_true_crossover_as_often_as_it_says():
    intervals = [interval_of(STEEP, FLAT, num_runs=6, noise=0.05, seed=k) for k in range(100)]
    hits = sum(each is not None and each[0] <= 10_000 <= each[1] for each in intervals)
    # Of 100 at 95 %, fewer than 87 or all would be a chance of less than one in a hundred.
    assert 87 <= hits < 100


def test_order_of_arms_and_seed_alone_decide_the_interval():
    assert interval_of(STEEP, FLAT, seed=5) == interval_of(STEEP, FLAT, seed=5)
    assert interval_of(STEEP, FLAT, seed=5) != interval_of(STEEP, FLAT, seed=6)


def test_one_run_of_a_size_leaves_the_crossover_open():
    rng = np.random.default_rng(0)
    points = [measure(law, num_runs=2, noise=0.01, rng=rng) for law in (STEEP, FLAT)]
    assert crossover_interval(points[0], points[1], rng=rng) is not None
    assert crossover_interval(points[0][1:], points[1], rng=rng) is None
    assert crossover_interval(points[0], points[1][1:], rng=rng) is None


def test_runs_that_do_not_settle_which_arm_gains_more_or_where_leave_the_crossover_open():
    arms = PowerLaw(2, 0.3), PowerLaw(2.05, 0.3)
    intervals = [interval_of(*arms, num_runs=6, noise=0.05, seed=k) for k in range(40)]
    # By chance alone about one in forty looks settled.
    assert intervals.count(None) >= 36
    assert interval_of(FLAT, FLAT, noise=0) is None
    # So does one far beyond the sizes measured: these meet at 1e4 ** 5 images.
    far = PowerLaw(1e4, 0.5), PowerLaw(1.0, 0.3)
    assert interval_of(*far, noise=1e-4) is None
    assert crossover(*far) == pytest.approx(1e20)


def points(*errors: tuple[int, list[float]]) -> np.ndarray:
    return np.array([(size, error) for size, runs in errors for error in runs])


def spread(*errors: tuple[int, float]) -> np.ndarray:
    """Three runs at each size, a thousandth to either side."""
    return points(*((size, [error - 0.001, error, error + 0.001]) for size, error in errors))


def test_arms_change_places_between_the_sizes_where_their_leads_are_real():
    first = spread((10, 0.6), (20, 0.3), (40, 0.1), (80, 0.2))
    second = spread((10, 0.5), (20, 0.3), (40, 0.2), (80, 0.1))
    # Behind at 10, level at 20, ahead at 40, behind at 80.
    for leads in (leads_by_size(first, second), leads_by_size(second, first)):
        assert changes_of_lead(leads) == changes_of_mean(leads) == [(10, 40), (40, 80)]
        assert leads[20].mean == 0


def test_means_that_change_places_by_chance_are_no_change_of_lead():
    first, second = spread((10, 0.6), (20, 0.3)), spread((10, 0.5), (20, 0.3001))
    leads = leads_by_size(first, second)
    assert changes_of_lead(leads) == [] and changes_of_mean(leads) == [(10, 20)]
    single = leads_by_size(points((10, [0.6]), (20, [0.3])), points((10, [0.5]), (20, [0.4])))
    assert changes_of_lead(single) == [] and changes_of_mean(single) == [(10, 20)]


def test_sizes_at_which_one_arm_was_not_measured_do_not_count():
    first, second = spread((10, 0.5), (30, 0.1)), spread((10, 0.4), (20, 0.9), (30, 0.3))
    assert changes_of_lead(leads_by_size(first, second)) == [(10, 30)]
    assert leads_by_size(first, spread((20, 0.9))) == {}
