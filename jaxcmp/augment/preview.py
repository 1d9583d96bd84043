"""A contact sheet: images beside what the network sees of them, for a person to look at."""

import contextlib
import os
from pathlib import Path

import jax
import numpy as np
from jax import Array
from PIL import Image

from jaxcmp.augment import Augment
from jaxcmp.errors import CommandError, JaxcmpError

GAP = 2  # pixels between two pictures


def preview(
    augment: Augment,
    key: Array,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    mean: np.ndarray,
    std: np.ndarray,
    path: str | os.PathLike[str],
    num_draws: int = 8,
    is_mixing: bool = True,
    scale: int = 3,
) -> None:
    """Writes a PNG: one row for each image uint8 [n, H, W, C], itself and `num_draws` draws.

    The draws are de-normalised by `mean` and `std` [C]. Each column is one batch, so a mixed image
    shows parts of the row above. Raises CommandError if `path` does not end in .png, JaxcmpError if
    it cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise CommandError(f"{path} is no PNG file name: let it end in .png")
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise CommandError(f"{path} is no PNG file name: let it end in .png")
    jitted = jax.jit(augment)
    columns = [np.asarray(images)]
    for draw_key in jax.random.split(key, num_draws):
        augmented, _ = jitted(draw_key, images, labels, is_mixing)
        columns.append(denormalise(np.asarray(augmented), mean, std))
    pictures = np.stack(columns, axis=1).reshape(-1, *images.shape[1:])
    sheet = contact_sheet(pictures, columns=1 + num_draws, scale=scale)
    unfinished = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(unfinished, format="PNG")
        os.replace(unfinished, path)
    except OSError as error:
        raise JaxcmpError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def contact_sheet(images: np.ndarray, columns: int, scale: int) -> Image.Image:
    """Lays images uint8 [n, H, W, C], of 1 or 3 channels, out row by row on white.

    Each pixel becomes a square of `scale` pixels, so that nothing is smoothed away.
    """
    num_images, height, width, channels = images.shape
    rows = -(-num_images // columns)
    tall, wide = height * scale + GAP, width * scale + GAP
    sheet = np.full((rows * tall + GAP, columns * wide + GAP, channels), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = GAP + index // columns * tall, GAP + index % columns * wide
        enlarged = image.repeat(scale, axis=0).repeat(scale, axis=1)
        sheet[top : top + height * scale, left : left + width * scale] = enlarged
    return Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet)


def denormalise(images: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Turns normalised images [..., C] back into uint8 levels."""
    return np.clip(np.round((images * std + mean) * 255), 0, 255).astype(np.uint8)
