"""Channel statistics, equal to NumPy's on floats."""

import numpy as np
import pytest

from jaxcmp.data import normalisation
from jaxcmp.data.normalisation import channel_statistics, image_sums
from jaxcmp.data.streaming import StoredImages
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


def test_a_set_larger_than_a_chunk_is_counted_completely():
    images = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)
    whole = channel_statistics(images)
    # Repeating a set changes neither figure, however it falls into chunks.
    copies = normalisation._CHUNK_BYTES // images.size + 1
    repeated = channel_statistics(np.tile(images, (copies, 1, 1, 1)))
    np.testing.assert_array_equal(whole, repeated)


def test_a_constant_channel_gets_deviation_one():
    images = np.zeros((4, 2, 2, 3), np.uint8)
    images[..., 1] = 255
    mean, std = channel_statistics(images)
    np.testing.assert_array_equal(mean, [0, 1, 0])
    np.testing.assert_array_equal(std, [1, 1, 1])


def test_stored_images_have_bit_identical_statistics():
    images = np.random.default_rng(0).integers(0, 256, (7, 5, 6, 3), dtype=np.uint8)
    stored = StoredImages(images.__getitem__, np.arange(7), image_sums(images), (5, 6, 3))
    np.testing.assert_array_equal(channel_statistics(stored), channel_statistics(images))
    white = np.full((1, 300, 300, 1), 255, np.uint8)
    assert image_sums(white).tolist() == [[[255 * 90_000], [255 * 255 * 90_000]]]


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ((0.5,), (0.5,), "data.mean has 1 values and the images 3 channels; give one for each"),
        ((0.5, 0.5, 0.5), (), "data.std has 0 values .* or neither data.mean nor data.std"),
    ],
)
def test_a_mean_and_a_std_for_each_channel_are_required(mean, std, message):
    with pytest.raises(CommandError, match=message):
        channel_statistics(np.zeros((1, 2, 2, 3), np.uint8), mean, std)
