"""The decoding of images as stored, or resized and cropped to a size."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps
from sample_data import Made
from sample_photos import encoded as file_of

from jaxcmp.data.decoded import SplitReader, read_decoded
from jaxcmp.data.images import decode, resize
from jaxcmp.data.source import Example
from jaxcmp.errors import JaxcmpError
from jaxcmp.predict import read_image


def encode(pixels):
    return file_of(Image.fromarray(pixels))


def random_pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("size", [0, 6])
def test_an_image_of_the_right_size_keeps_every_pixel(size):
    pixels = random_pixels(6, 6, 3)
    decoded = decode(encode(pixels), num_channels=3, image_size=size)
    np.testing.assert_array_equal(decoded, pixels)


def test_an_oblong_image_is_kept_without_a_size():
    pixels = random_pixels(4, 7)
    decoded = decode(encode(pixels), num_channels=1, image_size=0)
    np.testing.assert_array_equal(decoded, pixels[..., None])


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


GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
GREY_16 = GREY.astype(np.uint16) * 257
RGB = random_pixels(16, 16, 3)
ALPHA = random_pixels(16, 16)[::-1]


def over_white(pixels, alpha):
    """Blends pixels [..., C] with white by `alpha`."""
    share = alpha[..., None] / 255
    return np.rint(pixels * share + 255 * (1 - share))


def png_of_16_bits(color_type, channels, notes=b""):
    """Makes a PNG with 257 times these levels, which Pillow itself cannot write."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    height, width = channels.shape[:2]
    rows = (channels.astype(np.uint16) * 257).astype(">u2").reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"tRNS", notes) if notes else b"",
            chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))),
            chunk(b"IEND", b""),
        ]
    )


def quantized():
    """Returns a palette image of 16 colours, its indices and its colours."""
    image = Image.fromarray(RGB).quantize(16)
    return image, np.asarray(image), np.asarray(image.convert("RGB"))


def kinds_of_images():
    """Yields each kind of file with the RGB or grey levels that a viewer shows."""
    grey, rgb = Image.fromarray(GREY), Image.fromarray(RGB)
    is_dark, first = GREY[..., None] > 127, tuple(RGB[0, 0].tolist())
    black_and_white = np.where(is_dark, 255, 0)
    return {
        "1": (file_of(Image.fromarray(GREY > 127)), black_and_white),
        "L": (file_of(grey), GREY[..., None]),
        "L, one level transparent": (
            file_of(grey, transparency=7),
            np.where(GREY == 7, 255, GREY)[..., None],
        ),
        "LA": (
            file_of(Image.fromarray(np.dstack([GREY, ALPHA]))),
            over_white(GREY[..., None], ALPHA),
        ),
        "LA of 16 bits": (
            png_of_16_bits(4, np.dstack([GREY, ALPHA])),
            over_white(GREY[..., None], ALPHA),
        ),
        "RGB": (file_of(rgb), RGB),
        "RGB, one colour transparent": (
            file_of(rgb, transparency=first),
            np.where(np.all(first == RGB, axis=-1, keepdims=True), 255, RGB),
        ),
        "RGB of 16 bits": (png_of_16_bits(2, RGB), RGB),
        "RGBA": (file_of(Image.fromarray(np.dstack([RGB, ALPHA]))), over_white(RGB, ALPHA)),
        "RGBA of 16 bits": (
            png_of_16_bits(6, np.dstack([RGB, ALPHA])),
            over_white(RGB, ALPHA),
        ),
        "CMYK": (file_of(rgb.convert("CMYK"), "TIFF"), RGB),
        "CMYK of a JPEG, which Adobe inverts": (
            file_of(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"),
            np.broadcast_to(np.array([254, 0, 0]), (16, 16, 3)),
        ),
        "YCbCr": (file_of(rgb.convert("YCbCr"), "TIFF"), RGB),
        "LAB": (
            # 50 % lightness, which is grey 119 in sRGB.
            file_of(Image.new("LAB", (16, 16), (128, 128, 128)), "TIFF"),
            np.full((16, 16, 1), 119),
        ),
    }


def kinds_of_palette_images():
    """Yields the same for palette images."""
    palette, index, colours = quantized()
    return {
        "P": (file_of(palette), colours),
        "P, one colour transparent": (
            file_of(palette, transparency=3),
            np.where(index[..., None] == 3, 255, colours),
        ),
        "P, colours half transparent": (
            file_of(palette, transparency=bytes(range(0, 256, 16))),
            over_white(colours, index * 16),
        ),
        "P of a GIF": (
            file_of(palette, "GIF", transparency=3),
            np.where(index[..., None] == 3, 255, colours),
        ),
    }


def kinds_of_deep_images():
    """Yields the same for grey levels of more than 8 bits."""
    grey = Image.fromarray(GREY)
    return {
        "I;16": (file_of(Image.fromarray(GREY_16)), GREY[..., None]),
        "I;16, one level transparent": (
            file_of(Image.fromarray(GREY_16), transparency=7 * 257),
            np.where(GREY == 7, 255, GREY)[..., None],
        ),
        "I;16B": (
            file_of(Image.frombytes("I;16B", (16, 16), GREY_16.astype(">u2").tobytes()), "TIFF"),
            GREY[..., None],
        ),
        "I of 16 bits": (
            b"P5\n16 16\n65535\n" + GREY_16.astype(">u2").tobytes(),
            GREY[..., None],
        ),
        "I": (file_of(grey.convert("I"), "TIFF"), GREY[..., None]),
        "F": (file_of(grey.convert("F"), "TIFF"), GREY[..., None]),
    }


KINDS = kinds_of_images() | kinds_of_palette_images() | kinds_of_deep_images()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_channels", [1, 3])
def test_every_kind_of_image_is_decoded_as_displayed(kind, num_channels):
    encoded, expected = KINDS[kind]
    expected = np.broadcast_to(expected, (16, 16, 3)).astype(np.uint8)
    if num_channels == 1:
        expected = np.asarray(Image.fromarray(expected).convert("L"))[..., None]
    decoded = decode(encoded, num_channels=num_channels, image_size=0)
    assert decoded.shape == (16, 16, num_channels) and decoded.dtype == np.uint8
    # YCbCr and LAB have fewer colours, and shares of 255 are rounded in two ways.
    most = 3 if kind in ("YCbCr", "LAB") or kind.startswith("CMYK of") else 1
    most = 0 if kind.startswith(("I", "F", "1")) or kind in ("L", "RGB", "P", "CMYK") else most
    assert abs(decoded.astype(int) - expected.astype(int)).max() <= most


def test_training_and_prediction_see_the_same_in_the_same_file(tmp_path):
    source = Made({"train": [Example(encoded, 0) for encoded, _ in KINDS.values()]})
    images, _ = read_decoded(SplitReader(source, "train", image_size=0))
    for number, (encoded, _) in enumerate(KINDS.values()):
        (tmp_path / str(number)).write_bytes(encoded)
        predicted = read_image(tmp_path / str(number), image_size=0, num_channels=3)
        np.testing.assert_array_equal(predicted[0], images[number])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_picture_is_turned_upright_by_its_exif_orientation(orientation, file_format):
    image = Image.fromarray(np.arange(96, dtype=np.uint8).reshape(8, 12))
    notes = image.getexif()
    notes[ExifTags.Base.Orientation] = orientation
    lossless = {"lossless": True} if file_format == "WEBP" else {}
    encoded = file_of(image, file_format, exif=notes, **lossless)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(encoded))).convert("L"))
    decoded = decode(encoded, num_channels=1, image_size=0)
    np.testing.assert_array_equal(decoded[..., 0], expected)
    assert decoded.shape[:2] == ((8, 12) if orientation < 5 else (12, 8))


def test_damaged_exif_data_does_not_matter():
    encoded = file_of(Image.fromarray(RGB), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode(encoded, num_channels=3, image_size=0), RGB)


@pytest.mark.parametrize("file_format", ["PNG", "GIF", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation_is_used(file_format):
    frames = [Image.new("L", (6, 6), level) for level in (40, 200, 90)]
    options = {"lossless": True} if file_format == "WEBP" else {}
    encoded = file_of(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    assert getattr(Image.open(io.BytesIO(encoded)), "n_frames", 1) == 3
    np.testing.assert_array_equal(decode(encoded, num_channels=1, image_size=0), 40)


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (GREY_16.astype(np.int32), "between 0 and 65535"),
        (np.full((4, 4), -1, np.int32), "between -1 and -1"),
        (GREY / np.float32(255), "between 0 and 1"),
        (np.full((4, 4), np.nan, np.float32), "between nan and nan"),
        (np.full((4, 4), np.inf, np.float32), "between inf and inf"),
    ],
)
def test_levels_of_unknown_range_are_refused(levels, words):
    encoded = file_of(Image.fromarray(levels), "TIFF")
    with pytest.raises(JaxcmpError, match=f"^a.tif cannot be read: its 32-bit levels lie {words}"):
        decode(encoded, num_channels=1, image_size=0, name="a.tif")


def one_line(encoded, **options):
    options = {"num_channels": 3, "image_size": 0, "name": "a.png"} | options
    with pytest.raises(JaxcmpError, match=r"^a.png cannot be read: [^\n]+$") as caught:
        decode(encoded, **options)
    assert "object at" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("size", [(10_000, 10_000), (20_000, 10_000)])
def test_a_picture_that_would_exhaust_the_memory_is_refused(size):
    assert "pixels" in one_line(file_of(Image.new("1", size)))


@pytest.mark.parametrize(
    ("size", "image_size"), [((60_000, 1), 64), ((1, 60_000), 64), ((4, 4), 100_000)]
)
def test_a_size_that_would_exhaust_the_memory_is_refused(size, image_size):
    encoded = file_of(Image.new("L", size))
    assert "would be resized to" in one_line(encoded, image_size=image_size)


def test_a_lack_of_memory_does_not_make_a_picture_damaged():
    encoded = file_of(Image.new("L", (4, 4)))
    with pytest.raises(MemoryError):
        decode(encoded, num_channels=1, image_size=(1, 10**9), how="stretch")


@pytest.mark.parametrize(
    "encoded", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8"]
)
def test_bytes_that_are_not_an_image_are_one_line(encoded):
    one_line(encoded)


SOUND = {
    file_format: file_of(Image.fromarray(RGB), file_format)
    for file_format in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM", "TGA", "ICO", "PCX")
}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_image_is_decoded_or_refused_in_one_line(data):
    encoded = bytearray(SOUND[data.draw(st.sampled_from(sorted(SOUND)))])
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    encoded = encoded[: data.draw(st.integers(0, len(encoded)))]
    try:
        decoded = decode(bytes(encoded), num_channels=3, image_size=8)
        assert decoded.shape == (8, 8, 3)
    except JaxcmpError as error:
        assert "\n" not in str(error) and str(error).startswith("the image cannot be read: ")
