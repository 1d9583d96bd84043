"""The digits: 1,797 real images, always split the same way."""

import numpy as np
import pytest

from jaxcmp.data import digits


@pytest.fixture(scope="module")
def stored():
    return digits.read(image_size=0)


def test_all_digits_are_there_as_8_bit_images(stored):
    images, labels, _, _ = stored
    assert images.shape == (1797, 8, 8, 1) and images.dtype == np.uint8
    assert labels.shape == (1797,) and labels.dtype == np.int32
    assert set(labels) == set(range(10)) == {int(name) for name in digits.CLASS_NAMES}


def test_grey_levels_are_spread_over_the_whole_range(stored):
    levels = np.unique(stored[0])
    assert len(levels) == 17 and levels[0] == 0 and levels[-1] == 255
    assert set(np.diff(levels)) == {15, 16} or set(np.diff(levels)) == {16}


def test_a_fifth_of_each_digit_is_the_test_split(stored):
    _, labels, train, test = stored
    assert sorted([*train, *test]) == list(range(1797))
    for digit in range(10):
        size = (labels == digit).sum()
        assert abs((labels[test] == digit).sum() - 0.2 * size) <= 0.5


def test_another_size_keeps_the_split(stored):
    images, _, train, test = digits.read(image_size=12)
    assert images.shape == (1797, 12, 12, 1)
    np.testing.assert_array_equal(train, stored[2])
    np.testing.assert_array_equal(test, stored[3])
