"""One encoded image to an array of the wanted size and number of channels."""

import io

import numpy as np
from PIL import Image

# Height and width.
Size = tuple[int, int]

_MODES = {1: "L", 3: "RGB"}


def decode(encoded: bytes, *, num_channels: int, image_size: int | Size) -> np.ndarray:
    """Decodes a JPEG, PNG or other image that Pillow reads, to uint8 [H, W, num_channels].

    Args:
      encoded: the bytes of the file.
      num_channels: 1 (grey) or 3 (RGB); an image of another kind is converted.
      image_size: 0 keeps the size; otherwise a side, or height and width: see `fit`.
    """
    with Image.open(io.BytesIO(encoded)) as image:
        return _to_array(fit(image.convert(_MODES[num_channels]), image_size))


def resize(pixels: np.ndarray, *, image_size: int) -> np.ndarray:
    """Fits a uint8 image [H, W, 1 or 3] to `image_size` as `decode` does."""
    squeezed = pixels[:, :, 0] if pixels.shape[-1] == 1 else pixels
    return _to_array(fit(Image.fromarray(squeezed), image_size))


def fit(image: Image.Image, image_size: int | Size) -> Image.Image:
    """Scales the image until it covers the size (bicubic, antialiased), and crops its centre.

    The size is a square's side, or height and width. An image that has it already, or any image
    when it is 0, is returned as it is.
    """
    if image_size == 0:
        return image
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if image.size == (width, height):
        return image
    scale = max(width / image.width, height / image.height)
    covering = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    image = image.resize(covering, Image.Resampling.BICUBIC)
    left, top = (covering[0] - width) // 2, (covering[1] - height) // 2
    return image.crop((left, top, left + width, top + height))


def _to_array(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
