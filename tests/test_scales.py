"""Numbers as a reader would write them, and axes that names and odd values cannot break."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from jaxcmp.compare.document import Axis
from jaxcmp.compare.pages.scales import clean, numbers, set_scale, split_unit, tick_text, value_text


def drawn(spec: Axis, values=(1.0, 10.0), name="x"):
    axes = Figure().subplots()
    set_scale(getattr(axes, f"{name}axis"), spec, np.array(values))
    return axes


def labels_of(axis) -> list[str]:
    axis.axes.figure.draw_without_rendering()
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-2.5, "−2.5"), (0.1 + 0.2, "0.3"), (2500, "2,500"), (25_000, "25,000"),
     (3.5e6, "3.5M"), (1e12, "10¹²"), (-2e12, "−2×10¹²"), (5e-5, "5×10⁻⁵")],
)  # fmt: skip
def test_a_tick_is_a_short_number(value, text):
    assert tick_text(value) == text


@pytest.mark.parametrize(
    ("value", "label", "text"),
    [
        (93.4321, "accuracy (%)", "93.43 %"),
        (93.4, "accuracy, %", "93.40 %"),
        (-1.5, "gap, points", "−1.50 points"),
        (12, "epoch", "12"),
        (11173962, "parameters", "11,173,962"),
        (0.0005, "learning rate", "0.0005"),
        (3.14159e17, "FLOPs", "3.142×10¹⁷"),
        (1234.56, "time (s)", "1,234.6 s"),
    ],
)
def test_a_value_has_the_unit_of_its_axis_and_percent_two_decimals(value, label, text):
    assert value_text(value, label) == text


def test_a_unit_stands_in_parentheses_or_after_a_comma():
    assert split_unit("Time (s)") == ("Time", "s")
    assert split_unit("loss, nats") == ("loss", "nats")
    assert split_unit("epoch") == ("epoch", "")


@given(st.text())
def test_a_cleaned_name_is_one_line_of_characters_that_xml_can_hold(text):
    kept = clean(text)
    assert len(kept) == len(text)
    assert all(ord(letter) >= 32 and letter.isascii() or ord(letter) > 0x9F for letter in kept)
    kept.encode()


def test_nothing_turns_the_direction_of_the_text_around_a_name():
    assert clean("cat\N{RIGHT-TO-LEFT OVERRIDE}god") == "cat\N{REPLACEMENT CHARACTER}god"


def test_a_long_name_keeps_both_ends():
    assert clean("class number 41", 11) == "class n… 41"[:8] + "41"


def test_what_is_missing_or_not_finite_is_a_gap():
    array = numbers([1, None, float("inf"), float("nan")])
    assert array[0] == 1 and np.isnan(array[1:]).all()


def test_categories_are_named_in_their_order_from_the_top():
    axes = drawn(Axis("", "category", ["cat", "dog", "$x$"]), name="y")
    assert labels_of(axes.yaxis) == ["cat", "dog", "$x$"]
    bottom, top = axes.get_ylim()
    assert bottom > top


def test_of_many_categories_below_an_axis_some_are_named():
    axes = drawn(Axis("", "category", [f"class {i}" for i in range(100)]))
    assert labels_of(axes.xaxis) == [f"class {i}" for i in range(0, 100, 4)]


def test_long_names_below_an_axis_are_turned():
    axes = drawn(Axis("", "category", ["a rather long name"] * 6))
    labels_of(axes.xaxis)
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {40}


def test_a_log_axis_without_a_positive_value_is_linear():
    assert drawn(Axis("", "log"), (0.0, -1.0)).get_xscale() == "linear"
    assert drawn(Axis("", "log")).get_xscale() == "log"


@pytest.mark.parametrize(
    ("values", "ends", "ticks"),
    [
        ((1, 2), (0.9, 2.1), [1, 2]),
        ((3,), (2.9, 3.1), [3]),
        ((1, math.nan, 2), (0.9, 2.1), [1, 2]),
        ((1, 1.5), (1, 1.5), [1, 1.1, 1.2, 1.3, 1.4, 1.5]),
    ],
)
def test_between_whole_numbers_along_an_axis_there_is_no_tick(values, ends, ticks):
    axes = drawn(Axis("epoch", limits=ends), values)
    shown = [tick for tick in axes.get_xticks() if ends[0] <= tick <= ends[1]]
    assert shown == pytest.approx(ticks)


def test_limits_that_cannot_be_are_left_to_the_data():
    assert drawn(Axis("", limits=(2, 8))).get_xlim() == (2, 8)
    assert drawn(Axis("", limits=(2, 2))).get_xlim() != (2, 2)
    assert drawn(Axis("", "log", limits=(0, 8))).get_xlim()[0] > 0
