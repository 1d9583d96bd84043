"""Multiply-adds beside seconds: per image, per device, with what the spread allows."""

import dataclasses

import pytest

from jaxcmp.compare.document import Table, Text
from jaxcmp.compare.sections.step_time import ArmSizes, time_blocks

SMALL = ArmSizes(
    index=0,
    name="small",
    model={},
    num_channels=3,
    parameters={"head": 10},
    multiply_adds={"body": 300, "head": 100},
    step_seconds=[0.064, 0.128],
    batch_size=64,
    device="T4",
    runs=[4, 7],
)
LARGE = dataclasses.replace(
    SMALL, index=1, name="large", multiply_adds={"head": 1000}, step_seconds=[0.016], runs=[9]
)


def read(*arms):
    table, *sentences = time_blocks(arms)
    assert isinstance(table, Table)
    return table.rows, [block.text for block in sentences if isinstance(block, Text)]


def test_seconds_are_per_image_and_averaged_over_runs():
    (row,), sentences = read(SMALL)
    time = row[3]
    assert time.value == pytest.approx(1.5) and time.num == 2 and time.runs == [4, 7]
    # Deviation 0.7071, t(0.975, 1) = 12.706 in any table: 12.706 x 0.7071 / sqrt(2) = 6.353.
    assert time.text == "1.50 ± 6.35"
    assert [cell.text for cell in row[5:]] == ["2", "64", "T4"]
    assert not sentences


def test_both_ratios_are_to_the_first_arm():
    (first, second), _ = read(SMALL, LARGE)
    assert (first[2].text, second[2].text) == ("1.00", "2.50")
    # 0.25 ms to the geometric mean of 1 and 2 ms; one run of an arm has no interval.
    assert second[4].value == pytest.approx(0.25 / 2**0.5)
    assert second[4].text == "0.18" and second[4].interval is None


def test_a_ratio_of_seconds_has_an_interval_where_each_arm_has_runs_to_spare():
    many = dataclasses.replace(LARGE, step_seconds=[0.016, 0.017, 0.018], runs=[9, 10, 11])
    (_, second), (sentence,) = read(SMALL, many)
    assert second[4].interval is not None and second[4].text in sentence


def test_a_sentence_says_whether_counts_and_seconds_rank_alike():
    _, (sentence,) = read(SMALL, LARGE)
    assert "2.50 times the multiply-adds of small" in sentence
    assert "takes 0.18 times as long per image, on T4" in sentence
    assert sentence.endswith("do not rank the two alike.")
    _, (sentence,) = read(SMALL, dataclasses.replace(LARGE, step_seconds=[0.5]))
    assert sentence.endswith("seconds rank the two alike.")
    _, (sentence,) = read(SMALL, dataclasses.replace(SMALL, name="other"))
    assert sentence.endswith("the counts are equal.")
    alike = dataclasses.replace(LARGE, step_seconds=[0.064, 0.128], runs=[8, 9])
    assert read(SMALL, alike)[1][0].endswith("the seconds do not tell the two apart.")


def test_seconds_on_another_device_have_no_ratio():
    (_, second), sentences = read(SMALL, dataclasses.replace(LARGE, device="cpu"))
    assert (second[2].text, second[4].text) == ("2.50", "–")
    assert not sentences


def test_a_run_that_recorded_no_seconds_is_not_counted():
    (row,), _ = read(dataclasses.replace(SMALL, step_seconds=[None, 0.128]))
    assert (row[3].text, row[3].num, row[3].runs) == ("2.00", 1, [7])
    (row, other), _ = read(dataclasses.replace(SMALL, step_seconds=[None, None]), LARGE)
    assert row[3].text == other[4].text == "–" and row[5].text == "0"


def test_short_steps_keep_three_digits():
    (row,), _ = read(dataclasses.replace(LARGE, step_seconds=[0.0001]))
    assert row[3].text == "0.00156"
