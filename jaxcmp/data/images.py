"""The decoding of an image file to an array of a given size and number of channels."""

import io
import warnings
from typing import Literal

import numpy as np
from PIL import ExifTags, Image

from jaxcmp.data.source import Size
from jaxcmp.errors import JaxcmpError, first_line

# Increase it when the same bytes decode to other pixels: it invalidates caches.
VERSION = 2

# The setting data.fit.
Fit = Literal["crop", "pad", "stretch"]

_MODES = {1: "L", 3: "RGB"}
# The transposition that turns an image upright, by its EXIF orientation.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow's own limit, about 89 million: larger images could exhaust the memory.
_MAX_PIXELS = Image.MAX_IMAGE_PIXELS or 1 << 26
# Up to twice that limit Pillow only warns.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


def decode(
    encoded: bytes,
    *,
    num_channels: int,
    image_size: int | Size,
    how: Fit = "crop",
    name: str = "the image",
) -> np.ndarray:
    """Decodes a JPEG, PNG or other image that Pillow reads, to uint8 [H, W, num_channels].

    Transparent pixels become white, 16-bit levels keep their upper 8 bits, the EXIF orientation is
    applied, and of several frames the first is taken. `image_size` is 0 to keep the size, or as in
    `fit`, like `how`. Raises JaxcmpError, which calls the image by its `name`, if these bytes are
    no image or their levels have no known range.
    """
    mode = _MODES[num_channels]
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            # Loaded first, because Pillow turns a TIFF upright on loading.
            image.load()
            return _to_array(fit(_upright(_opaque(image), image).convert(mode), image_size, how))
    except MemoryError:  # It says nothing about the image.
        raise
    except Exception as error:  # Parsers of damaged images raise nearly anything.
        raise JaxcmpError(f"{name} cannot be read: {_reason(error)}") from error


def resize(pixels: np.ndarray, *, image_size: int | Size, how: Fit = "crop") -> np.ndarray:
    """Resizes a uint8 image [H, W, 1 or 3] to `image_size` as `decode` does."""
    squeezed = pixels[:, :, 0] if pixels.shape[-1] == 1 else pixels
    return _to_array(fit(Image.fromarray(squeezed), image_size, how))


def fit(image: Image.Image, image_size: int | Size, how: Fit = "crop") -> Image.Image:
    """Brings an image to a size, a square's side or height and width (bicubic, antialiased).

    "crop" scales it until it covers the size, and crops its centre; "pad" scales it until it fits
    into the size, and adds black around it; "stretch" scales both sides apart. An image that has
    the size already, or any image for a size of 0, is returned unchanged. Raises JaxcmpError if
    that takes too many pixels.
    """
    if image_size == 0:
        return image
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if image.size == (width, height):
        return image
    if how == "stretch":
        return image.resize((width, height), Image.Resampling.BICUBIC)
    scales = width / image.width, height / image.height
    if how == "pad":
        inside = tuple(max(1, round(side * min(scales))) for side in image.size)
        inner = image.resize((inside[0], inside[1]), Image.Resampling.BICUBIC)
        padded = Image.new(image.mode, (width, height))
        padded.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
        return padded
    scale = max(scales)
    covering = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    if covering[0] * covering[1] > _MAX_PIXELS:
        raise JaxcmpError(
            f"{image.width}x{image.height} pixels would be resized to {covering[0]}x{covering[1]} "
            f"to cover {width}x{height}: more than {_MAX_PIXELS:,} pixels"
        )
    image = image.resize(covering, Image.Resampling.BICUBIC)
    left, top = (covering[0] - width) // 2, (covering[1] - height) // 2
    return image.crop((left, top, left + width, top + height))


def _opaque(image: Image.Image) -> Image.Image:
    """Converts to 8-bit grey or RGB, on white where the image is transparent."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        return _upper_bits(image)
    if image.mode in ("I", "F"):
        return _levels(image)
    if image.mode in ("1", "L", "RGB") and "transparency" not in image.info:
        return image
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    # Not every mode converts to grey, but each converts to RGB.
    return image.convert("RGB")


def _upper_bits(image: Image.Image) -> Image.Image:
    """Keeps the upper 8 bits of 16-bit grey levels, or of the 12 bits that a TIFF file may have."""
    levels = np.asarray(image)
    (num_bits, *_) = getattr(image, "tag_v2", {}).get(ExifTags.Base.BitsPerSample, (16,))
    upper = (levels >> (num_bits - 8)).astype(np.uint8)
    if "transparency" in image.info:
        upper[levels == image.info["transparency"]] = 255
    return Image.fromarray(upper)


def _levels(image: Image.Image) -> Image.Image:
    """Converts 32-bit grey levels, which are 0 to 255 in files that Pillow writes.

    Raises ValueError for other levels: software may mean 0 to 1 or any other range, and the file
    does not say.
    """
    levels = np.asarray(image)
    low, high = levels.min(), levels.max()
    # Written so that NaN, whose comparisons are false, is refused.
    if not (0 <= low and high <= 255) or (image.mode == "F" and 0 < high <= 1):
        raise ValueError(
            f"its 32-bit levels lie between {low:g} and {high:g}, where 0 to 255 are expected; "
            "save it with 8 or 16 bits"
        )
    return Image.fromarray(np.rint(levels).astype(np.uint8))


def _upright(image: Image.Image, original: Image.Image) -> Image.Image:
    try:
        orientation = original.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # The pixels may be sound even if the EXIF data is damaged.
        return image
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is no image that Pillow knows"
    return first_line(error)


def _to_array(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
