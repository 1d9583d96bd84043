"""Smoothing and epochs to converge against their definitions, written out."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcmp.compare.statistics.convergence import epochs_to_converge, smooth

curves = st.lists(st.integers(0, 1000).map(lambda n: n / 1000), min_size=1, max_size=25)
windows = st.integers(0, 4).map(lambda n: 2 * n + 1)


def written_out(values: list[float], window: int) -> list[float]:
    """Returns means over the widest span that is even around an epoch, in window and curve."""
    means = []
    for epoch in range(len(values)):
        reach = 0
        while reach < window // 2 and epoch - reach > 0 and epoch + reach + 1 < len(values):
            reach += 1
        part = values[epoch - reach : epoch + reach + 1]
        means.append(sum(part) / len(part))
    return means


def converged(accuracy: np.ndarray, **options: Any) -> int:
    """Returns the result where each epoch was evaluated."""
    return epochs_to_converge(accuracy, np.arange(1, len(accuracy) + 1), **options)


def test_a_short_curve_is_smoothed_as_by_hand():
    values = np.array([0, 3, 6, 0, 6, 9, 0])
    assert smooth(values) == pytest.approx([0, 3, 3, 4.8, 4.2, 5, 0])


@given(curves, windows)
def test_smoothing_agrees_with_its_definition(values, window):
    assert smooth(np.array(values), window) == pytest.approx(written_out(values, window))


@given(st.integers(1, 20), windows)
def test_a_straight_line_stays_as_it_is(num_epochs, window):
    line = 0.2 + 0.03 * np.arange(num_epochs)
    assert smooth(line, window) == pytest.approx(line)


def test_an_accuracy_has_converged_when_it_is_half_a_point_from_its_end():
    # The fourth epoch is exactly half a point away.
    accuracy = np.array([0.5, 0.8, 0.894, 0.895, 0.9, 0.9])
    assert converged(accuracy, window=1) == 4
    assert converged(accuracy, window=1, within=0.1) == 2
    # From above as well.
    assert converged(np.array([0.95, 0.94, 0.91, 0.9, 0.9]), window=1) == 4


def test_one_lucky_epoch_is_not_convergence():
    accuracy = np.array([0.5, 0.5, 0.9, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9])
    assert converged(accuracy, window=1) == 3
    assert converged(accuracy) > 7


@given(curves, windows)
def test_no_epoch_before_the_one_found_is_close_to_the_end(values, window):
    found = converged(np.array(values), window=window)
    distances = [abs(mean - values[-1]) for mean in written_out(values, window)]
    assert distances[found - 1] <= 0.005 + 1e-6
    assert all(distance > 0.005 - 1e-6 for distance in distances[: found - 1])


def test_where_every_fifth_epoch_is_evaluated_the_answer_is_one_of_these():
    accuracy, epochs = np.array([0.5, 0.8, 0.9, 0.9]), np.array([5, 10, 15, 18])
    assert epochs_to_converge(accuracy, epochs, window=1) == 15


def test_an_accuracy_that_is_missing_is_an_error():
    for accuracy in ([], [0.5, float("nan")], [float("nan"), 0.5]):
        with pytest.raises(ValueError, match="missing"):
            converged(np.array(accuracy))
