"""One encoded image to an array of the wanted size and number of channels."""

import io

import numpy as np
from PIL import Image

_MODES = {1: "L", 3: "RGB"}


def decode(encoded: bytes, *, num_channels: int, image_size: int) -> np.ndarray:
    """Decodes a JPEG, PNG or other image that Pillow reads, to uint8 [H, W, num_channels].

    Args:
      encoded: the bytes of the file.
      num_channels: 1 (grey) or 3 (RGB); an image of another kind is converted.
      image_size: 0 keeps the size; otherwise see `fit`.
    """
    with Image.open(io.BytesIO(encoded)) as image:
        return _to_array(fit(image.convert(_MODES[num_channels]), image_size))


def resize(pixels: np.ndarray, *, image_size: int) -> np.ndarray:
    """Fits a uint8 image [H, W, 1 or 3] to `image_size` as `decode` does."""
    squeezed = pixels[:, :, 0] if pixels.shape[-1] == 1 else pixels
    return _to_array(fit(Image.fromarray(squeezed), image_size))


def fit(image: Image.Image, image_size: int) -> Image.Image:
    """Brings the short side to `image_size` (bicubic, antialiased) and crops the centre square.

    An image that has the size already, or any image when the size is 0, is returned as it is.
    """
    if image_size == 0 or image.size == (image_size, image_size):
        return image
    scale = image_size / min(image.size)
    width, height = (max(image_size, round(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - image_size) // 2, (height - image_size) // 2
    return image.crop((left, top, left + image_size, top + image_size))


def _to_array(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
