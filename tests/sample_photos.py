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


def save_cmyk(image: Image.Image, path: Path) -> None:
    image.convert("CMYK").save(path.with_suffix(".jpg"))


def save_turned(image: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image.save(path.with_suffix(".JPEG"), exif=exif)


def save_transparent(image: Image.Image, path: Path) -> None:
    image.putalpha(128)
    image.save(path.with_suffix(".png"))


def save_16_bit(image: Image.Image, path: Path) -> None:
    levels = np.asarray(image.convert("L"), np.uint16) * 257
    Image.fromarray(levels).save(path.with_suffix(".png"))


def save_frames(image: Image.Image, path: Path) -> None:
    others = [Image.new("RGB", image.size, colour) for colour in ("black", "white")]
    image.save(path.with_suffix(".gif"), save_all=True, append_images=others, duration=50)


def save_animated(image: Image.Image, path: Path) -> None:
    others = [Image.new("RGB", image.size, colour) for colour in ("black", "white")]
    path = path.with_suffix(".webp")
    image.save(path, save_all=True, append_images=others, duration=50, lossless=True)


def save_as(ending: str, mode: str = "RGB") -> Callable[[Image.Image, Path], None]:
    return lambda image, path: image.convert(mode).save(path.with_suffix(ending))


KINDS: Sequence[Callable[[Image.Image, Path], None]] = (
    *(save_as(".jpg"), save_as(".png"), save_as(".webp"), save_as(".bmp"), save_as(".gif")),
    *(save_as(".PNG", "P"), save_as(".jpeg", "L"), save_as(".png", "LA"), save_as(".bmp", "1")),
    *(save_cmyk, save_turned, save_transparent, save_16_bit, save_frames, save_animated),
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
