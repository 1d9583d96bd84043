"""Numbers as a reader sees them: units, decimals, intervals, and where they come from."""

import dataclasses

import pytest
from sample_outcomes import make_arm

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm
from jaxcmp.compare.document import Cell
from jaxcmp.compare.statistics.means import Estimate

# Deviation 1, so a standard error of 1 / sqrt(3); t(0.975, 2) = 4.3027 in any table: 2.4841.
HALF = 2.4841
THREE = [0, 1, 2]
OVER_RUNS = [
    (cells.percent([0.92, 0.93, 0.94], THREE), "93.00 ± 2.48 %", 93, (93 - HALF, 93 + HALF)),
    (cells.mean([1.0, 2.0, 3.0], THREE, digits=1), "2.0 ± 2.5", 2, (2 - HALF, 2 + HALF)),
    # One seed has a number and no spread; of two each is shown, whether or not they agree.
    (cells.percent([0.925], [0]), "92.50 %", 92.5, None),
    (cells.mean([1234.4], [0], digits=0), "1,234", 1234.4, None),
    (cells.percent([0.955, 0.983], [0, 1]), "95.50 and 98.30 %", 96.9, None),
    (cells.percent([0.3983, 0.3983], [0, 1]), "39.83 and 39.83 %", 39.83, None),
    (cells.mean([1.0, 3.0], [0, 1], digits=1), "1.0 and 3.0", 2, None),
    # What shows as zero has no minus.
    (cells.mean([-1e-9, -0.0], [0, 1], digits=3), "0.000 and 0.000", 0, None),
    (cells.mean([-1e-9] * 3, THREE, digits=3), "0.000 (all 3 runs)", 0, None),
    (cells.mean([-1500.0, 2.0], [0, 1], digits=0), "−1,500 and 2", -749, None),
    # Seeds that all agree have no spread of zero.
    (cells.percent([0.9] * 3, THREE), "90.00 % (all 3 runs)", 90, None),
    (cells.percent([0.9, 0.9, 0.90001], THREE), "90.00 ± < 0.01 %", 90, (89.9989, 90.0018)),
    # An interval of shares ends where shares do.
    (cells.percent([0.98, 0.99, 1.0], THREE), "99.00 [96.52, 100.00] %", 99, (99 - HALF, 100)),
    (cells.percent([0.0, 0.0, 0.03], THREE), "1.00 [0.00, 5.30] %", 1, (0, 1 + 3 * 1.43421)),
]


@pytest.mark.parametrize(("cell", "text", "value", "interval"), OVER_RUNS)
def test_a_mean_over_seeds_has_its_t_interval_and_of_fewer_than_three_each(
    cell, text, value, interval
):
    assert (cell.text, cell.num) == (text, len(cell.runs))
    assert cell.value == pytest.approx(value, abs=1e-3)
    assert cell.interval == (interval and pytest.approx(interval, abs=1e-3))


def test_what_was_not_measured_is_a_dash_that_sorts_nowhere():
    for cell in (
        cells.percent([], [1]),
        cells.mean([], [1], digits=2),
        cells.p_value(None),
        cells.decimal(None, [], digits=2),
        cells.number(None, "never shown"),
    ):
        assert (cell.text, cell.value, cell.num) == ("–", None, None)


def difference(value, interval=None, digits=2):
    found = Estimate(value, interval)
    return cells.estimated(found, [5], digits=digits, is_signed=True)


NARROW, WIDE = (-1, 8.99), (-7.26, 16.12)
SHARE, FEW = Estimate(12.345, (10, 20)), Estimate(99.07, (88.75, 99.93))
OF_IMAGES = [
    (cells.estimated(SHARE, [5], unit=" %"), "12.35 % [10.00, 20.00]", 12.345, (10, 20)),
    (cells.share(0.5, [5]), "50.00 %", 50, None),
    (cells.estimated(FEW, [5], digits=1, unit=" %"), "99.1 % [88.8, 99.9]", 99.07, FEW.interval),
    (cells.estimated(Estimate(1.5, (1, 2)), [5], unit="×"), "1.50× [1.00, 2.00]", 1.5, (1, 2)),
    (difference(-1.2, (-3, 0.6)), "−1.20 [−3.00, +0.60]", -1.2, (-3, 0.6)),
    (difference(2), "+2.00", 2, None),
    (difference(3.7, NARROW), "+3.70 [−1.00, +8.99]", 3.7, NARROW),
    (difference(3.7, WIDE, 1), "+3.7 [−7.3, +16.1]", 3.7, WIDE),
    # A sign stands only where a number does not show as zero.
    (cells.decimal(-0.25, [5], digits=3), "−0.250", -0.25, None),
    (cells.decimal(-0.0001, [5], digits=3), "0.000", -0.0001, None),
    (difference(1.5), "+1.50", 1.5, None),
    (difference(0), "0.00", 0, None),
    (difference(-0.004), "0.00", -0.004, None),
]


@pytest.mark.parametrize(("cell", "text", "value", "interval"), OF_IMAGES)
def test_a_share_is_in_percent_and_a_difference_in_points_with_signs(cell, text, value, interval):
    assert (cell.text, cell.runs) == (text, [5])
    assert cell.value == pytest.approx(value)
    assert cell.interval == (interval and pytest.approx(interval))


def test_beside_an_interval_of_more_than_ten_points_a_second_decimal_is_dropped():
    narrow, wide = Estimate(3.7, NARROW), Estimate(3.7, WIDE)
    assert cells.digits_of([narrow, Estimate(50)]) == 2 and cells.digits_of([narrow, wide]) == 1


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
    ("seconds", "half", "text"),
    [
        (40, 3, "40 ± 3 s"),
        (124, 73, "2 ± 1 min"),
        (6420, 12, "107.0 ± 0.2 min"),
        (9000, 900, "2.5 ± 0.2 h"),
    ],
)
def test_a_duration_and_its_interval_have_one_unit(seconds, half, text):
    assert cells.duration(seconds, half) == text


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
    second = dataclasses.replace(second, device="T4")
    found = cells.durations(Arm("vit", (first, second, third)))
    assert found == {"cpu": [1500.0, 1620.0], "T4": [1560.0]}


GAP = Estimate(-5.0, (-6.0, -4.0), 0.0004)


@pytest.mark.parametrize(
    ("found", "options", "words"),
    [
        (GAP, {}, "5.00 points (95 % interval 4.00 to 6.00, p < 0.001)"),
        (GAP, {"is_signed": True}, "−5.00 points (95 % interval −6.00 to −4.00, p < 0.001)"),
        (
            *(GAP, {"of": "classes"}),
            "5.00 points (95 % interval 4.00 to 6.00, p < 0.001 after Holm's correction for all "
            "classes)",
        ),
        (
            *(Estimate(5.0, None, 0.1), {"also": "n = 3"}),
            "5.00 points (seeds equal within each arm, p = 0.1, n = 3)",
        ),
        (
            Estimate(5.0),
            {},
            "5.00 points (fewer than three seeds, or equal ones: no interval)",
        ),
    ],
)
def test_a_size_has_its_interval_and_p_value_or_says_why_not(found, options, words):
    assert cells.in_words(found, **options) == words


def test_a_size_without_a_sign_is_the_same_from_either_side():
    assert cells.in_words(GAP) == cells.in_words(GAP.times(-1))
    assert cells.as_text(GAP) == "−5.00 [−6.00, −4.00]"
