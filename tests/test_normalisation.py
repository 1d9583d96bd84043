"""Channel statistics equal NumPy's on floats."""

import numpy as np
import pytest

from jaxcmp.data import normalisation
from jaxcmp.data.normalisation import (
    channel_statistics,
    given_statistics,
    image_sums,
    statistics_of_sums,
)
from jaxcmp.errors import CommandError


@pytest.mark.parametrize("shape", [(7, 5, 6, 3), (3, 8, 8, 1), (1, 1, 1, 3)])
def test_statistics_equal_those_of_the_pixels_as_floats(shape):
    images = np.random.default_rng(0).integers(0, 200, shape, dtype=np.uint8)
    mean, std = channel_statistics(images)
    pixels = images.astype(np.float64) / 255
    np.testing.assert_allclose(mean, pixels.mean(axis=(0, 1, 2)), rtol=1e-6)
    expected = pixels.std(axis=(0, 1, 2))
    np.testing.assert_allclose(std, np.where(expected > 0, expected, 1), rtol=1e-6)
    assert mean.dtype == std.dtype == np.float32


def test_a_set_larger_than_a_chunk_is_counted_whole():
    images = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)
    whole = channel_statistics(images)
    # Repeating a set changes neither figure, however it falls into chunks.
    copies = normalisation._CHUNK_BYTES // images.size + 1
    repeated = channel_statistics(np.tile(images, (copies, 1, 1, 1)))
    np.testing.assert_array_equal(whole, repeated)


def test_a_channel_that_never_changes_gets_deviation_one():
    images = np.zeros((4, 2, 2, 3), np.uint8)
    images[..., 1] = 255
    mean, std = channel_statistics(images)
    np.testing.assert_array_equal(mean, [0, 1, 0])
    np.testing.assert_array_equal(std, [1, 1, 1])


def test_floats_are_refused():
    with pytest.raises(TypeError, match="uint8"):
        channel_statistics(np.zeros((1, 2, 2, 3), np.float32))


def test_sums_of_single_images_give_the_statistics_of_the_set_to_the_bit():
    images = np.random.default_rng(0).integers(0, 256, (7, 5, 6, 3), dtype=np.uint8)
    sums = image_sums(images)
    assert sums.shape == (7, 2, 3)
    expected = channel_statistics(images)
    np.testing.assert_array_equal(statistics_of_sums(sums, num_pixels=30), expected)
    white = np.full((1, 300, 300, 1), 255, np.uint8)
    assert image_sums(white).tolist() == [[[255 * 90_000], [255 * 255 * 90_000]]]


def test_given_numbers_are_used_as_they_are():
    mean, std = given_statistics((0.5, 0, -1), (0.25, 1, 2.0), num_channels=3)
    np.testing.assert_array_equal((mean, std), [[0.5, 0, -1], [0.25, 1, 2]])
    assert mean.dtype == std.dtype == np.float32


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ((0.5,), (0.5,), "data.mean has 1 values and the images 3 channels; give one for each"),
        ((0.5, 0.5, 0.5), (), "data.std has 0 values .* or neither data.mean nor data.std"),
        ((0.5, 0.5, 0.5), (0.5, 0.0, 0.5), "data.std has 0.0: it takes numbers above 0"),
        ((0.5, 0.5, 0.5), (0.5, 0.5, float("inf")), "data.std has inf: it takes numbers above 0"),
        ((0.5, "a", 0.5), (0.5, 0.5, 0.5), "data.mean has 'a': it takes numbers"),
        ((0.5, float("nan"), 0.5), (0.5, 0.5, 0.5), "data.mean has nan: it takes numbers"),
    ],
)
def test_numbers_that_no_channel_can_be_normalised_by_are_refused(mean, std, message):
    with pytest.raises(CommandError, match=message):
        given_statistics(mean, std, num_channels=3)
