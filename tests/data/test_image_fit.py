"""Pictures brought to a size in the way that data.fit says."""

import numpy as np
import pytest
from PIL import Image, ImageOps
from sample_photos import draw

from jaxcmp.data.images import fit

BICUBIC = Image.Resampling.BICUBIC


@pytest.mark.parametrize("size", [(40, 20), (20, 40), (7, 300), (16, 16)])
def test_crop_and_pad_agree_with_pillow(size):
    image = draw(1, size)
    found_and_expected = (
        (fit(image, 16, "crop"), ImageOps.fit(image, (16, 16), BICUBIC)),
        (fit(image, 16, "pad"), ImageOps.pad(image, (16, 16), BICUBIC)),
    )
    for pair in found_and_expected:
        found, expected = (np.asarray(each, int) for each in pair)
        assert found.shape == (16, 16, 3)
        # Pillow crops fractions of pixels before it resizes.
        assert np.abs(found - expected).mean() < 12


def test_pad_keeps_the_whole_picture_on_black():
    image = Image.new("RGB", (40, 20), "white")
    pixels = np.asarray(fit(image, 16, "pad"))
    assert (pixels[4:12] == 255).all()
    assert not pixels[:4].any() and not pixels[12:].any()


def test_stretch_resizes_both_sides():
    image = draw(2, (40, 20))
    np.testing.assert_array_equal(
        np.asarray(fit(image, 16, "stretch")), np.asarray(image.resize((16, 16), BICUBIC))
    )


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
def test_a_picture_of_the_size_or_of_any_size_for_0_is_unchanged(how):
    image = draw(3, (12, 9))
    assert fit(image, 0, how) is image and fit(image, (9, 12), how) is image


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1)])
def test_the_smallest_and_the_narrowest_pictures_take_the_size(how, size):
    assert fit(draw(4, size), 8, how).size == (8, 8)
