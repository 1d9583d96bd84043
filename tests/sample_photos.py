"""Folders of pictures of mixed formats, sizes and modes, as a user may have them."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

CLASSES = ("gatto", "猫", "кошка")
# Of each: width, height.
SIZES = ((20, 14), (9, 17), (16, 16), (40, 12), (1, 1))


def draw(number: int, size: tuple[int, int] = (20, 14), *, tint: int = 0) -> Image.Image:
    """Draws noise in the class's colour: each number gives another picture."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 160, (size[1], size[0], 3), dtype=np.uint8)
    pixels[..., tint % 3] |= 0xC0
    return Image.fromarray(pixels)


def encoded(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    """Returns the content of a picture's file."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


TURNED = Image.Exif()
TURNED[ExifTags.Base.Orientation] = 6


def transparent(image: Image.Image) -> Image.Image:
    image.putalpha(128)
    return image


def of_16_bits(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257)


def animation(image: Image.Image) -> dict[str, Any]:
    """Returns options that append two frames."""
    frames = [Image.new("RGB", image.size, colour) for colour in ("black", "white")]
    return {"save_all": True, "append_images": frames, "duration": 50}


Save = Callable[[Image.Image, Path], None]


def save_as(ending: str, mode: str = "RGB", **options: Any) -> Save:
    return lambda image, path: image.convert(mode).save(path.with_suffix(ending), **options)


KINDS: Sequence[Save] = (
    *(save_as(".jpg"), save_as(".png"), save_as(".webp"), save_as(".bmp"), save_as(".gif")),
    *(save_as(".PNG", "P"), save_as(".jpeg", "L"), save_as(".png", "LA"), save_as(".bmp", "1")),
    *(save_as(".jpg", "CMYK"), save_as(".JPEG", exif=TURNED)),
    lambda image, path: transparent(image).save(path.with_suffix(".png")),
    lambda image, path: of_16_bits(image).save(path.with_suffix(".png")),
    lambda image, path: image.save(path.with_suffix(".gif"), **animation(image)),
    lambda image, path: image.save(path.with_suffix(".webp"), lossless=True, **animation(image)),
)


def make_photos(root: Path, *, num_train: int, num_test: int, held_out: str = "test") -> Path:
    """Makes a folder with so many pictures of every kind in each class, some of them nested."""
    for split, num in (("train", num_train), (held_out, num_test)):
        for label, name in enumerate(CLASSES):
            for i in range(num):
                folder = root / split / name / ("" if i % 4 else "nested/deep er")
                folder.mkdir(parents=True, exist_ok=True)
                seed = [label, i, split == "train"]
                number = int(np.random.SeedSequence(seed).generate_state(1)[0])
                image = draw(number, SIZES[i % len(SIZES)], tint=label)
                KINDS[i % len(KINDS)](image, folder / f"{i} {'😀' * (i % 3)}")
    return root


def put(path: Path, number: int = 0, *, size: tuple[int, int] = (6, 6), mode: str = "RGB") -> Path:
    """Writes a picture in the format of its ending; makes the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(number, size).convert(mode).save(path)
    return path


def put_all(root: Path, *names: str, **options) -> Path:
    """Writes a different picture of 6x6 pixels at each of these paths, in the order given."""
    for number, name in enumerate(names):
        put(root / name, number, **options)
    return root
