"""The digits: 1,797 real images with a fixed split."""

from typing import Any

import numpy as np
import pytest
import sample_data
from sklearn.datasets import load_digits


@pytest.fixture(scope="module")
def digits():
    return sample_data.load()


def test_all_digits_are_8_bit_images(digits):
    images = np.concatenate([digits.train.images, digits.test.images])
    assert images.shape == (1797, 8, 8, 1) and images.dtype == np.uint8
    assert digits.class_names == tuple("0123456789")
    ids = np.concatenate([digits.train.ids, digits.test.ids])
    np.testing.assert_array_equal(np.sort(ids), np.arange(1797))


def test_digits_are_those_of_scikit_learn(digits):
    theirs: Any = load_digits()
    for split in (digits.train, digits.test):
        np.testing.assert_array_equal(split.labels, theirs.target[split.ids])
        levels = theirs.images[split.ids] * 255 / 16
        np.testing.assert_allclose(split.images[..., 0], levels, rtol=0, atol=0.5)


def test_a_fifth_of_each_digit_is_the_test_split_at_any_size(digits):
    held, kept = (np.bincount(split.labels) for split in (digits.test, digits.train))
    np.testing.assert_allclose(held, 0.2 * (held + kept), atol=0.5)
    larger = sample_data.load(image_size=12)
    assert larger.test.images.shape == (359, 12, 12, 1)
    np.testing.assert_array_equal(larger.test.ids, digits.test.ids)
