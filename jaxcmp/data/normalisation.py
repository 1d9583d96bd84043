"""The mean and spread of each channel of a set of images."""

import math
from collections.abc import Sequence

import numpy as np

from jaxcmp.errors import CommandError

# Bounds the memory that a pass over a large set takes.
_CHUNK_BYTES = 1 << 24


def channel_statistics(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and standard deviation of each channel over all images and pixels.

    The sums are exact integers. A channel that never changes gets the deviation 1, so that dividing
    by it is harmless.

    Args:
      images: uint8 [n, H, W, C], n > 0.

    Returns:
      Two float32 [C], in units in which pixels lie in [0, 1].
    """
    if images.dtype != np.uint8:
        raise TypeError(f"expected uint8 images, got {images.dtype}")
    num_channels = images.shape[-1]
    count = images.size // num_channels
    total, squares = [0] * num_channels, [0] * num_channels
    step = max(1, _CHUNK_BYTES // images[0].size)
    for start in range(0, len(images), step):
        chunk = images[start : start + step]
        # Summing images first runs along contiguous rows; 255 squared still fits in 16 bits.
        sums = chunk.sum(axis=0, dtype=np.uint64)
        sums_of_squares = np.square(chunk, dtype=np.uint16).sum(axis=0, dtype=np.uint64)
        for channel in range(num_channels):
            total[channel] += int(sums[..., channel].sum())
            squares[channel] += int(sums_of_squares[..., channel].sum())
    return _statistics(total, squares, count)


def image_sums(images: np.ndarray) -> np.ndarray:
    """Returns the sum of each image's pixels and of their squares, uint64 [n, 2, C].

    Args:
      images: uint8 [n, H, W, C], no higher than 66,000 pixels.
    """
    # Down the columns first: that runs along contiguous rows.
    columns = (
        images.sum(axis=1, dtype=np.uint32),
        np.square(images, dtype=np.uint16).sum(axis=1, dtype=np.uint32),
    )
    return np.stack([each.sum(axis=1, dtype=np.uint64) for each in columns], axis=1)


def statistics_of_sums(sums: np.ndarray, *, num_pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Is `channel_statistics` of images of `num_pixels` pixels each, from their `image_sums`."""
    # The squares of 10**14 pixels fit.
    total, squares = sums.sum(axis=0, dtype=np.uint64).tolist()
    return _statistics(total, squares, len(sums) * num_pixels)


def given_statistics(
    mean: Sequence[float], std: Sequence[float], *, num_channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what was asked for, as float32 [C]; raises CommandError where it cannot be used."""
    for name, values in (("mean", mean), ("std", std)):
        if len(values) != num_channels:
            raise CommandError(
                f"data.{name} has {len(values)} values and the images {num_channels} channels; "
                "give one for each, or neither data.mean nor data.std"
            )
        words = "numbers above 0" if name == "std" else "numbers"
        for value in values:
            is_number = isinstance(value, (int, float)) and math.isfinite(value)
            if not is_number or (name == "std" and value <= 0):
                raise CommandError(f"data.{name} has {value!r}: it takes {words}")
    return np.asarray(mean, np.float32), np.asarray(std, np.float32)


def _statistics(
    total: Sequence[int], squares: Sequence[int], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """From the sums over `count` pixels of each channel."""
    mean = [s / count / 255 for s in total]
    # In integers no digits cancel before the division.
    variance = [(count * q - s * s) / count**2 for s, q in zip(total, squares, strict=True)]
    std = [v**0.5 / 255 if v > 0 else 1.0 for v in variance]
    return np.asarray(mean, np.float32), np.asarray(std, np.float32)
