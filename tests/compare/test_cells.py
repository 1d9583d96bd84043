"""Numbers as a reader sees them: units, decimals, intervals, and where they come from."""

import dataclasses

import pytest
from sample_arms import make_arm

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm
from jaxcmp.compare.document import Cell


def test_a_share_over_seeds_is_a_percentage_with_half_its_t_interval():
    # Deviation 1 point, t(0.975, 2) = 4.3027 in any table: 4.3027 / sqrt(3) = 2.4841.
    cell = cells.percent([0.92, 0.93, 0.94], [3, 4, 7])
    assert cell.text == "93.00 ± 2.48 %"
    assert cell.value == pytest.approx(93)
    assert cell.interval == pytest.approx((93 - 2.4841, 93 + 2.4841), abs=1e-4)
    assert (cell.num, cell.runs) == (3, [3, 4, 7])


def test_one_seed_has_a_number_and_no_spread():
    assert cells.percent([0.925], [2]) == Cell("92.50 %", 92.5, None, 1, [2])
    assert cells.mean([1234.4], [2], digits=0) == Cell("1,234", 1234.4, None, 1, [2])


def test_a_mean_has_half_its_t_interval_and_its_digits():
    # Deviation 1, so a standard error of 1 / sqrt(3); t(0.975, 2) = 4.3027 in any table.
    cell = cells.mean([1.0, 2.0, 3.0], [0, 1, 2], digits=1)
    assert cell.text == "2.0 ± 2.5"
    assert cell.interval == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-4)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.955, 0.983], "95.50 and 98.30 %"),
        # Two seeds that agree tell no spread of zero, nor one of more than there can be.
        ([0.3983, 0.3983], "39.83 and 39.83 %"),
        ([0.9555, 0.9833], "95.55 and 98.33 %"),
    ],
)
def test_of_two_seeds_each_is_shown_without_an_interval(values, text):
    assert cells.percent(values, [0, 1]) == Cell(
        text,
        pytest.approx(50 * sum(values)),  # pyright: ignore[reportArgumentType]
        None,
        2,
        [0, 1],
    )
    assert cells.mean([1.0, 3.0], [0, 1], digits=1).text == "1.0 and 3.0"


def test_what_shows_as_zero_has_no_minus():
    assert cells.mean([-1e-9, -0.0], [0, 1], digits=3).text == "0.000 and 0.000"
    assert cells.mean([-1e-9] * 3, [0, 1, 2], digits=3).text == "0.000 (all 3 runs)"
    assert cells.mean([-1500.0, 2.0], [0, 1], digits=0).text == "−1,500 and 2"


def test_seeds_that_all_agree_have_no_spread_of_zero():
    assert cells.percent([0.9] * 3, [0, 1, 2]).text == "90.00 % (all 3 runs)"
    assert cells.percent([0.9] * 3, [0, 1, 2]).interval is None
    assert cells.percent([0.9, 0.9, 0.90001], [0, 1, 2]).text == "90.00 ± < 0.01 %"


@pytest.mark.parametrize(
    ("values", "text"),
    [([0.98, 0.99, 1.0], "99.00 [96.52, 100.00] %"), ([0.0, 0.0, 0.03], "1.00 [0.00, 5.30] %")],
)
def test_an_interval_of_shares_ends_where_shares_do(values, text):
    cell = cells.percent(values, [0, 1, 2])
    assert cell.text == text
    assert cell.interval is not None and 0 <= cell.interval[0] < cell.interval[1] <= 100


def test_what_was_not_measured_is_a_dash_that_sorts_nowhere():
    for cell in (
        cells.percent([], [1]),
        cells.mean([], [1], digits=2),
        cells.p_value(None),
        cells.decimal(None, [], digits=2),
        cells.number(None, "never shown"),
    ):
        assert (cell.text, cell.value, cell.num) == ("–", None, None)


def test_a_share_of_images_has_two_decimals_and_its_own_interval():
    cell = cells.share(0.12345, (0.1, 0.2), [5])
    assert cell.text == "12.35 % [10.00, 20.00]"
    assert cell.value == pytest.approx(12.345)
    assert cell.interval == pytest.approx((10, 20))
    assert cells.share(0.5, None, [5]) == Cell("50.00 %", 50.0, runs=[5])


def test_a_difference_is_in_points_with_signs():
    cell = cells.difference(-0.012, (-0.03, 0.006), [0, 1])
    assert cell.text == "−1.20 [−3.00, +0.60]"
    assert cell.value == pytest.approx(-1.2)
    assert cell.interval == pytest.approx((-3, 0.6))
    assert cells.difference(0.02, None, [0]).text == "+2.00"


@pytest.mark.parametrize(
    ("value", "text"), [(1.5, "+1.50"), (-1.5, "−1.50"), (0, "0.00"), (-0.004, "0.00")]
)
def test_points_have_a_sign_unless_they_show_as_zero(value, text):
    assert cells.points(value) == text


def test_a_decimal_below_zero_has_a_minus_unless_it_shows_as_zero():
    assert cells.decimal(-0.25, [0], digits=3).text == "−0.250"
    assert cells.decimal(-0.0001, [0], digits=3).text == "0.000"


@pytest.mark.parametrize(
    ("value", "short", "said"),
    [
        (0.0009, "< 0.001", "p < 0.001"),
        (0.001, "0.001", "p = 0.001"),
        (0.04321, "0.043", "p = 0.043"),
        (1.0, "1", "p = 1"),
    ],
)
def test_a_p_value_has_two_digits_and_is_never_said_to_be_zero(value, short, said):
    assert cells.short_p(value) == short
    assert cells.say_p(value) == said
    assert cells.p_value(value, [1]) == Cell(short, value, runs=[1])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.4, "1 s"), (119, "119 s"), (120, "2 min"), (2640, "44 min"), (7200, "2.0 h")],
)
def test_a_duration_is_in_the_unit_that_a_reader_would_use(seconds, text):
    assert cells.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0954e16, "11 PFLOP"),
        (9.994e11, "999 GFLOP"),
        (9.996e11, "1 TFLOP"),
        (1.234e6, "1.23 MFLOP"),
        (123_456, "123,456 FLOP"),
        (2e21, "2000 EFLOP"),
    ],
)
def test_operations_are_told_to_three_digits_under_the_prefix_that_fits(value, text):
    assert f"{cells.powers(value)}FLOP" == text


def test_times_on_different_machines_stay_apart():
    arm = make_arm("vit", [0.9, 0.9, 0.9])
    first, second, third = arm.outcomes
    second = dataclasses.replace(second, device="T4", number=1)
    third = dataclasses.replace(third, number=2)
    assert cells.durations(Arm("vit", (first, second, third))) == [
        ("cpu", [1500.0, 1620.0], [0, 2]),
        ("T4", [1560.0], [1]),
    ]


def test_beside_an_interval_of_more_than_ten_points_a_second_decimal_is_dropped():
    narrow, wide = (-0.01, 0.0899), (-0.0726, 0.1612)
    assert cells.digits_of([narrow, None]) == 2 and cells.digits_of([narrow, wide]) == 1
    assert cells.difference(0.037, wide, [], digits=1).text == "+3.7 [−7.3, +16.1]"
    assert cells.difference(0.037, narrow, []).text == "+3.70 [−1.00, +8.99]"
    assert cells.share(0.9907, (0.8875, 0.9993), [], digits=1).text == "99.1 % [88.8, 99.9]"
