"""The sizes and colours of image files, read from their headers, without their pixels."""

import hashlib
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import ExifTags, Image

from jaxcmp.data import cache
from jaxcmp.data.source import Size
from jaxcmp.errors import CommandError

# Files may lie on a server, which takes its time to answer.
_NUM_THREADS = 16
# Files that a thread reads at a time.
_BLOCK = 256
# Orientations in EXIF that swap height and width.
_SWAPPED = (5, 6, 7, 8)
# Sides to propose: small images are what this package compares models on.
_SIDES = (32, 48, 64)


# Bytes at the start of a file that tell it from others; small images are no longer.
HEAD_BYTES = 1 << 14


class Headers(NamedTuple):
    """Heights and widths int32 [n, 2] of upright images, 0 where unreadable, and colour bool [n].

    `heads` uint64 [n] number the files by their first HEAD_BYTES; 0 for one that cannot be opened.
    """

    sizes: np.ndarray
    is_colour: np.ndarray
    heads: np.ndarray

    @property
    def is_readable(self) -> np.ndarray:
        return (self.sizes > 0).all(axis=1).reshape(-1)

    @property
    def num_channels(self) -> int:
        return 3 if self.is_colour.any() else 1

    def one_size(self, place: str) -> Size | None:
        """Returns height and width of all readable images, None without any.

        Raises CommandError, which proposes a size to bring them to, if they differ.
        """
        sizes = self.sizes[self.is_readable]
        if len(sizes) == 0:
            return None
        if (sizes == sizes[0]).all():
            height, width = sizes[0].tolist()
            return height, width
        order = np.lexsort((sizes[:, 1], sizes.prod(axis=1)))
        small, large = (f"{width}x{height}" for height, width in sizes[order[[0, -1]]].tolist())
        typical = float(np.median(sizes.min(axis=1)))
        side = max((side for side in _SIDES if side <= typical), default=_SIDES[0])
        raise CommandError(
            f"the images in {place} have several sizes, from {small} to {large}: bring them to one "
            f"with --config.data.image_size={side} (half of them have a shorter side of "
            f"{typical:g} or more)"
        )


def read_headers(
    fingerprint: str, length: int, open_file: Callable[[int], BinaryIO], *, what: str
) -> Headers:
    """Reads the headers of `length` files once, and later from the cache.

    `open_file` maps a number to an open file. Raises JaxcmpError if the cache
    cannot be written.
    """

    def read_block(start: int) -> list[tuple[int, int, bool, int]]:
        return [_header(open_file, i) for i in range(start, min(start + _BLOCK, length))]

    def find() -> dict[str, np.ndarray]:
        with ThreadPoolExecutor(_NUM_THREADS) as threads:
            blocks = list(threads.map(read_block, range(0, length, _BLOCK)))
        height, width, is_colour, heads = zip(*itertools.chain(*blocks), strict=True)
        return {
            "sizes": np.array([height, width], np.int32).T,
            "is_colour": np.array(is_colour),
            "heads": np.array(heads, np.uint64),
        }

    # A damaged file stays so, but one that could not be opened may be open to all tomorrow.
    found = cache.remember(
        f"{what}/file-headers",
        fingerprint,
        find,
        is_lasting=lambda arrays: bool(arrays["heads"].all()),
    )
    return Headers(**found)


def number_content(content: bytes) -> int:
    """Returns a number of 64 bits; it is the same for equal contents, and hardly for others."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest())


def _header(open_file: Callable[[int], BinaryIO], number: int) -> tuple[int, int, bool, int]:
    head = 0
    try:
        with open_file(number) as file:
            head = number_content(file.read(HEAD_BYTES))
            file.seek(0)
            with Image.open(file) as image:
                width, height = image.size
                # Pillow turns the size of a TIFF file itself.
                if width != height and image.format != "TIFF" and _is_turned(image):
                    height, width = width, height
                return height, width, not _is_grey(image), head
    except MemoryError:  # It says nothing about the file.
        raise
    except Exception:  # Parsers of damaged images raise nearly anything.
        return 0, 0, False, head


def _is_turned(image: Image.Image) -> bool:
    return image.getexif().get(ExifTags.Base.Orientation) in _SWAPPED


def _is_grey(image: Image.Image) -> bool:
    if image.mode in ("P", "PA") and image.palette is not None:
        # `getpalette` would read the pixels. As the file has them: RGB, BGRX, or RGB;L by channel.
        mode = image.palette.rawmode or image.palette.mode
        colours = np.frombuffer(bytes(image.palette.palette), np.uint8)
        by_colour = colours.reshape(3, -1).T if mode == "RGB;L" else colours.reshape(-1, len(mode))
        rgb = by_colour[:, :3]
        return bool((rgb == rgb[:, :1]).all())
    return image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16")
