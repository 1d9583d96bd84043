"""The contact sheet of augmented images."""

import jax
import numpy as np
import pytest
import trials
from PIL import Image

from jaxcmp.augment import Augment, preview
from jaxcmp.errors import JaxcmpError

GAP, SCALE = preview.GAP, preview.SCALE
LABELS = np.array([0, 1])


def make_plain(mean, std):
    return Augment(2, mean, std, trials.options())


@pytest.mark.parametrize("channels", [1, 3])
def test_the_sheet_shows_each_image_and_its_augmented_copies(channels, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 5, channels)).astype(np.uint8)
    mean, std = np.full(channels, 0.4, np.float32), np.full(channels, 0.3, np.float32)
    path = tmp_path / "new" / "sheet.png"
    preview.preview(make_plain(mean, std), jax.random.key(0), images, LABELS, path)
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet).reshape(sheet.height, sheet.width, channels)
    height, width = 6 * SCALE, 5 * SCALE
    assert pixels.shape[:2] == (2 * (height + GAP) + GAP, 9 * (width + GAP) + GAP)
    for row in range(2):
        for column in range(9):
            top, left = GAP + row * (height + GAP), GAP + column * (width + GAP)
            tile = pixels[top : top + height : SCALE, left : left + width : SCALE]
            # With every option off, the draws are the image itself.
            np.testing.assert_array_equal(tile, images[row])
    assert [file.name for file in path.parent.iterdir()] == ["sheet.png"]


def test_an_incomplete_last_row_stays_white():
    sheet = preview.contact_sheet(np.zeros((3, 4, 4, 3), np.uint8), columns=2)
    pixels, side = np.asarray(sheet), 4 * SCALE
    assert pixels.shape == (2 * (side + GAP) + GAP, 2 * (side + GAP) + GAP, 3)
    assert (pixels[-GAP - side :, -GAP - side :] == 255).all()
    assert (pixels == 0).all(axis=2).sum() == 3 * side**2


def test_a_file_that_cannot_be_written_is_named_in_one_line(tmp_path):
    images = np.zeros((2, 4, 4, 1), np.uint8)
    augment = make_plain(np.zeros(1, np.float32), np.ones(1, np.float32))
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "sheet.png"
    with pytest.raises(JaxcmpError, match="cannot be written"):
        preview.preview(augment, jax.random.key(0), images, LABELS, path)
