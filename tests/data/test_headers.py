"""The headers of image files: what is kept of those that are damaged or cannot be opened."""

import io

import pytest
from PIL import Image
from sample_photos import TURNED, draw, encoded

from jaxcmp.data.headers import read_headers

SOUND = encoded(Image.new("L", (5, 4)))


def read_twice(contents):
    """Reads the headers twice; returns those of the second time, and how often a file opened."""
    opened = []

    def open_file(number):
        opened.append(number)
        if isinstance(contents[number], Exception):
            raise contents[number]
        return io.BytesIO(contents[number])

    for _ in range(2):
        headers = read_headers("as before", len(contents), open_file, what="made")
    return headers, len(opened)


def test_a_damaged_file_is_found_once_and_the_others_are_not_read_again():
    headers, num_opened = read_twice([SOUND, b"no image", SOUND])
    assert headers.sizes.tolist() == [[4, 5], [0, 0], [4, 5]]
    assert num_opened == 3


def test_a_file_that_cannot_be_opened_may_be_opened_later():
    headers, num_opened = read_twice([SOUND, PermissionError("not today")])
    assert headers.is_readable.tolist() == [True, False]
    assert num_opened == 4


def test_a_lack_of_memory_does_not_make_a_file_damaged():
    with pytest.raises(MemoryError):
        read_twice([SOUND, MemoryError()])


@pytest.mark.parametrize("file_format", ["BMP", "PNG", "GIF", "TIFF"])
def test_a_palette_tells_colours_from_greys(file_format):
    colour = encoded(draw(0).convert("P"), file_format)
    grey = encoded(draw(0).convert("L").convert("P"), file_format)
    headers, _ = read_twice([colour, grey])
    assert headers.is_readable.all() and headers.is_colour.tolist() == [True, False]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF"])
def test_the_size_of_a_turned_picture_is_that_of_the_upright_one(file_format):
    headers, _ = read_twice([encoded(draw(0, (20, 14)), file_format, exif=TURNED)])
    assert headers.sizes.tolist() == [[20, 14]]
