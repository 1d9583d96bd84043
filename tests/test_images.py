"""Images are decoded as stored, or resized and cropped to a square."""

import io

import numpy as np
import pytest
from PIL import Image

from jaxcmp.data.images import decode, resize


def encode(pixels, mode=None):
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, format="PNG")
    return buffer.getvalue()


def random_pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("size", [0, 6])
def test_an_image_of_the_right_size_keeps_every_pixel(size):
    pixels = random_pixels(6, 6, 3)
    decoded = decode(encode(pixels), num_channels=3, image_size=size)
    np.testing.assert_array_equal(decoded, pixels)


def test_an_oblong_image_is_kept_when_no_size_is_asked():
    pixels = random_pixels(4, 7)
    decoded = decode(encode(pixels), num_channels=1, image_size=0)
    np.testing.assert_array_equal(decoded, pixels[..., None])


def test_a_grey_image_in_an_rgb_set_gets_three_equal_channels():
    pixels = random_pixels(4, 4)
    decoded = decode(encode(pixels), num_channels=3, image_size=0)
    np.testing.assert_array_equal(decoded, np.repeat(pixels[..., None], 3, axis=-1))


def test_a_palette_image_becomes_rgb():
    decoded = decode(encode(random_pixels(4, 4, 3), mode="P"), num_channels=3, image_size=0)
    assert decoded.shape == (4, 4, 3)


@pytest.mark.parametrize("shape", [(10, 31, 3), (31, 10, 3), (9, 10, 3), (3, 2, 3)])
def test_any_shape_comes_to_the_size_asked(shape):
    decoded = decode(encode(random_pixels(*shape)), num_channels=3, image_size=8)
    assert decoded.shape == (8, 8, 3) and decoded.dtype == np.uint8


def test_the_crop_takes_the_centre():
    pixels = np.zeros((8, 24, 3), np.uint8)
    pixels[:, 8:16] = 200
    decoded = decode(encode(pixels), num_channels=3, image_size=8)
    np.testing.assert_array_equal(decoded, np.full((8, 8, 3), 200, np.uint8))


def test_a_smaller_image_averages_rather_than_skips_pixels():
    checkerboard = (np.indices((32, 32)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = resize(checkerboard[..., None], image_size=8)
    assert small.shape == (8, 8, 1)
    assert abs(small.astype(int) - 127).max() < 40


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (30, 30), (4, 6)])
def test_an_oblong_size_is_covered_and_its_centre_kept(shape):
    pixels = random_pixels(*shape, 3)
    decoded = decode(encode(pixels), num_channels=3, image_size=(4, 6))
    assert decoded.shape == (4, 6, 3)
    if shape == (4, 6):
        np.testing.assert_array_equal(decoded, pixels)


def test_an_oblong_crop_takes_the_centre():
    pixels = np.zeros((12, 6, 3), np.uint8)
    pixels[4:8] = 200
    decoded = decode(encode(pixels), num_channels=3, image_size=(4, 6))
    np.testing.assert_array_equal(decoded, np.full((4, 6, 3), 200, np.uint8))
