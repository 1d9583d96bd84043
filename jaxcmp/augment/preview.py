"""A contact sheet of images beside their augmented copies."""

import io
from pathlib import Path

import jax
import numpy as np
from jax import Array
from PIL import Image

from jaxcmp import files
from jaxcmp.augment import Augment
from jaxcmp.errors import CommandError

GAP = 2  # pixels between two pictures
NUM_DRAWS = 8
SCALE = 3


def preview(
    augment: Augment,
    key: Array,
    images: np.ndarray,
    labels: np.ndarray,
    path: Path,
) -> None:
    """Writes a PNG with one row for each image uint8 [n, H, W, C]: itself and augmented copies.

    Each column of the NUM_DRAWS copies is one batch, so a mixed image shows parts of the row above.
    Raises JaxcmpError if `path` cannot be written.
    """
    jitted = jax.jit(augment)
    columns = [np.asarray(images)]
    for draw_key in jax.random.split(key, NUM_DRAWS):
        augmented, _ = jitted(draw_key, images, labels, True)
        levels = np.round((np.asarray(augmented) * augment.std + augment.mean) * 255)
        columns.append(np.clip(levels, 0, 255).astype(np.uint8))
    pictures = np.stack(columns, axis=1).reshape(-1, *images.shape[1:])
    sheet = contact_sheet(pictures, columns=1 + NUM_DRAWS)
    content = io.BytesIO()
    sheet.save(content, format="PNG")
    with files.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    files.replace_file(path, content.getbuffer())


def check_name(path: Path) -> None:
    """Raises CommandError unless a path ends in .png."""
    if path.suffix.lower() != ".png":
        raise CommandError(f"{path} is not the name of a PNG file: it must end in .png")


def contact_sheet(images: np.ndarray, columns: int) -> Image.Image:
    """Arranges images uint8 [n, H, W, C], of 1 or 3 channels, row by row on white.

    Each pixel becomes a sharp square of SCALE pixels.
    """
    num_images, height, width, channels = images.shape
    rows = -(-num_images // columns)
    tall, wide = height * SCALE + GAP, width * SCALE + GAP
    sheet = np.full((rows * tall + GAP, columns * wide + GAP, channels), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = GAP + index // columns * tall, GAP + index % columns * wide
        enlarged = image.repeat(SCALE, axis=0).repeat(SCALE, axis=1)
        sheet[top : top + height * SCALE, left : left + width * SCALE] = enlarged
    return Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet)
