"""Changes of images against NumPy, and models whose answers under them are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxcmp.inspect import changes

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
ROWS = jnp.arange(3)


def applied(change, images=IMAGES):
    return np.asarray(change.apply(jnp.asarray(images), jnp.arange(len(images))))


def of_level(found, kind, level):
    return [each for each in found if (each.kind, each.level) == (kind, level)]


@pytest.mark.parametrize("direction", changes.DIRECTIONS)
def test_a_shift_leaves_a_black_gap_as_a_crop_does_and_a_circular_one_none(direction):
    down, right = (4 * part for part in direction)
    around = np.roll(IMAGES, (down, right), axis=(1, 2))
    rows, columns = np.arange(32) - down, np.arange(32) - right
    is_inside = (rows >= 0) & (rows < 32), (columns >= 0) & (columns < 32)
    gap = np.where((is_inside[0][:, None] & is_inside[1])[None, :, :, None], around, 0)
    np.testing.assert_array_equal(applied(changes.shifted("black", 4, direction)), gap)
    np.testing.assert_array_equal(applied(changes.shifted("circular", 4, direction)), around)


def test_lengths_are_those_for_32_pixels_and_in_proportion_for_other_images():
    def levels(found, kind):
        return list(dict.fromkeys(each.level for each in found if each.kind == kind))

    assert levels(changes.shifts(32, 32), "black") == [1, 2, 3, 4, 6, 8]
    assert levels(changes.shifts(8, 8), "circular") == [1, 2]
    assert levels(changes.shifts(224, 300), "black") == [7, 14, 21, 28, 42, 56]
    assert levels(changes.arrangements(32, 40), "tiles") == [16, 8, 4, 2]
    assert levels(changes.arrangements(8, 8), "tiles") == [4, 2, 1]
    assert levels(changes.arrangements(8, 8), "low-pass") == [1, 2, 3, 4]
    # Half of an odd side is rounded down: two tiles at least.
    assert levels(changes.arrangements(31, 31), "tiles") == [15, 8, 4, 2]
    assert levels(changes.arrangements(65, 65), "tiles") == [32, 16, 8, 4]
    assert len(of_level(changes.shifts(32, 32), "black", 8)) == 8
    assert len(of_level(changes.arrangements(32, 32), "tiles", 4)) == 3


@pytest.mark.parametrize(("side", "small", "places"), [(32, 20, 7), (8, 4, 5), (28, 18, 7)])
def test_a_pasted_image_is_whole_at_each_place_and_the_middle_one_is_the_centre(
    side, small, places
):
    found = changes.pastes(side, side)
    assert [each.level for each in found] == list(range(places**2))
    white = np.full((1, side, side, 1), 255, np.uint8)
    masks = np.stack([applied(each, white)[0, :, :, 0] == 255 for each in found])
    assert (masks.sum(axis=(1, 2)) == small**2).all()
    middle = masks[places**2 // 2]
    np.testing.assert_array_equal(middle, middle[::-1, ::-1])
    # The first place is the upper left corner, and the next one to the right of it.
    assert masks[0, 0, 0] and masks[places - 1, 0, -1] and masks[-1, -1, -1]


def test_a_pasted_image_is_pillows_bicubic():
    pasted = applied(changes.pastes(32, 32)[0])[0, :20, :20].astype(int)
    for channel in range(3):
        # A picture of floats, which Pillow does not round.
        picture = Image.fromarray(IMAGES[0, :, :, channel].astype(np.float32))
        expected = np.asarray(picture.resize((20, 20), Image.Resampling.BICUBIC))
        assert np.abs(pasted[:, :, channel] - np.clip(expected, 0, 255)).max() < 0.51


@pytest.mark.parametrize(("shape", "side"), [((32, 32), 8), ((9, 14), 4), ((8, 8), 1)])
def test_shuffled_tiles_are_the_same_tiles_and_none_stays(shape, side):
    images = IMAGES[:, : shape[0], : shape[1]]
    shuffled = applied(changes.shuffled(side, 0), images)

    def tiles(image):
        rows, columns = shape[0] // side, shape[1] // side
        return [
            image[side * r : side * (r + 1), side * c : side * (c + 1)].tobytes()
            for r in range(rows)
            for c in range(columns)
        ]

    for before, after in zip(images, shuffled, strict=True):
        assert sorted(tiles(before)) == sorted(tiles(after))
        assert all(a != b for a, b in zip(tiles(before), tiles(after), strict=True))
        # What is no whole tile stays.
        edge = side * (shape[0] // side)
        np.testing.assert_array_equal(before[edge:], after[edge:])


def test_the_same_permutation_is_drawn_each_time_and_others_by_number():
    one, again, other = (applied(changes.shuffled(4, number)) for number in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


@pytest.mark.parametrize("radius", [4, 16])
def test_the_two_bands_of_an_image_add_up_to_it_and_share_only_its_mean(radius):
    low, high = (
        applied(changes.filtered(kind, radius)).astype(np.float64)
        for kind in ("low-pass", "high-pass")
    )
    means = IMAGES.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(low + high - means, IMAGES, atol=1e-2)
    spectrum = np.fft.fft2(low, axes=(1, 2))
    frequencies = np.fft.fftfreq(32, 1 / 32)
    is_above = np.hypot(*np.meshgrid(frequencies, frequencies)) > radius
    assert np.abs(spectrum[:, is_above]).max() < 0.1 < np.abs(spectrum[:, ~is_above]).min()


def test_a_wave_above_the_radius_is_flat_after_a_low_pass():
    wave = 128 + 100 * np.cos(2 * np.pi * 10 * np.arange(32) / 32)
    images = jnp.asarray(np.tile(wave[None, None, :, None], (1, 32, 1, 1)))
    np.testing.assert_allclose(changes.filtered("low-pass", 8).apply(images, ROWS), 128, atol=1e-2)
    np.testing.assert_allclose(
        changes.filtered("high-pass", 8).apply(images, ROWS), images, atol=0.1
    )


def pooled_pixels(images):
    """A 1x1 convolution, a nonlinearity, and the mean over all places: a bag of pixels."""
    kernel = jax.random.normal(jax.random.key(1), (images.shape[-1], 8))
    return jnp.tanh(images / 255.0 @ kernel).mean(axis=(1, 2))


def test_a_pooled_1x1_convolution_keeps_its_answers_under_circular_shifts_and_shuffled_tiles():
    before = pooled_pixels(IMAGES)
    for change in [*changes.shifts(32, 32), *changes.arrangements(32, 32)]:
        if change.kind in ("circular", "tiles"):
            np.testing.assert_allclose(pooled_pixels(applied(change)), before, atol=1e-5)
