"""The images of a split of any source: decoded once into the cache, or each time they are read."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from absl import logging

from jaxcmp import files
from jaxcmp.data import cache
from jaxcmp.data import images as image_ops
from jaxcmp.data.normalisation import image_sums
from jaxcmp.data.source import SKIP_HINT, Example, Source
from jaxcmp.data.streaming import StoredImages, in_order
from jaxcmp.errors import CommandError, JaxcmpError

# Images that a thread reads and decodes at a time.
_BLOCK = 256
# Images uint8 [k, H, W, C] and their labels int32 [k].
Block = tuple[np.ndarray, np.ndarray]
Result = TypeVar("Result")


class SplitReader:
    """A reader of the images of one split at one size: a side in pixels, or 0 for the stored size.

    It raises JaxcmpError if the source is damaged, CommandError if images have several sizes and
    `image_size` is 0.
    """

    def __init__(
        self, source: Source, split: str, *, image_size: int, fit: image_ops.Fit = "crop"
    ) -> None:
        self._source, self._split, self._image_size, self._fit = source, split, image_size, fit
        self._ids = source.ids(split)
        self.num_examples = len(self._ids)
        self.description = f"{self.num_examples} images of {source.name}, split {split}"

    def read(self, positions: Sequence[int]) -> Block:
        """Returns images uint8 [k, H, W, C] and labels int32 [k], k at least 1; thread-safe."""
        examples = self._source.read(self._split, positions)
        images = [self._decode(*pair) for pair in zip(positions, examples, strict=True)]
        self._check_shapes([image.shape for image in images])
        return np.stack(images), np.array([example.label for example in examples], np.int32)

    def map_blocks(self, function: Callable[[np.ndarray, np.ndarray], Result]) -> Iterator[Result]:
        """Applies a function to blocks of images and labels in threads; yields results in order."""

        def read_block(index: int) -> tuple[tuple[int, ...], Result]:
            start = index * _BLOCK
            images, labels = self.read(range(start, min(start + _BLOCK, self.num_examples)))
            return images.shape[1:], function(images, labels)

        shapes = []
        for shape, result in in_order(read_block, -(-self.num_examples // _BLOCK), num_ahead=0):
            shapes = [*shapes[:1], shape]
            self._check_shapes(shapes)
            yield result

    def cache_entry(self) -> Path | None:
        """Returns the images' path in the cache, a new one if the source's files change.

        Returns None for a source whose images need no cache.
        """
        fingerprint = self._source.fingerprint(self._split)
        if not fingerprint:
            return None
        parts = f"{self._source.name}/{self._source.version}".split("/")
        names = [files.name(part, "the data set, configuration or version") for part in parts]
        size = f"{self._image_size}px" if self._image_size else "stored"
        if self._image_size and self._fit != "crop":
            size += f"-{self._fit}"
        digest = hashlib.sha256(f"decoding {image_ops.VERSION}\n{fingerprint}".encode())
        name = f"{self._split}-{size}-{digest.hexdigest()[:16]}"
        return files.cache_folder().joinpath(*names, files.name(name, "the split"))

    def _check_shapes(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Raises CommandError unless all images have the same shape."""
        for shape in shapes:
            if shape != shapes[0]:
                raise CommandError(
                    f"the images of {self._source.name} have several sizes, such as "
                    f"{shapes[0][:2]} and {shape[:2]}: set data.image_size"
                )

    def _decode(self, position: int, example: Example) -> np.ndarray:
        options = {"image_size": self._image_size, "how": self._fit}
        if isinstance(example.image, np.ndarray):
            return image_ops.resize(example.image, **options)
        name = f"image {position} of split {self._split} in {self._source.place}"
        if self._ids.dtype.kind == "U":
            name = f"{self._source.place}/{self._ids[position]}"
        try:
            num_channels = self._source.num_channels
            return image_ops.decode(example.image, num_channels=num_channels, name=name, **options)
        except JaxcmpError as error:
            raise JaxcmpError(f"{error}; {SKIP_HINT}") from error


def read_decoded(reader: SplitReader) -> Block:
    """Returns all images of a split, uint8 [n, H, W, C], and labels, int32 [n].

    Decodes them only if they are not in the cache. Raises JaxcmpError, as `reader` does and if the
    cache cannot be written.
    """
    entry = reader.cache_entry()
    if entry is None:
        return reader.read(range(reader.num_examples))
    arrays = cache.read(entry)
    if arrays is None:
        logging.info("Decoding %s", reader.description)
        start = time.perf_counter()
        blocks = reader.map_blocks(lambda images, labels: {"images": images, "labels": labels})
        arrays = cache.write(entry, blocks)
        logging.info("Decoded in %.1f s; kept in %s", time.perf_counter() - start, entry)
    return arrays["images"], arrays["labels"]


def open_stored(reader: SplitReader) -> tuple[StoredImages, np.ndarray]:
    """Returns the images of `read_decoded`, not read yet, and their labels, int32 [n].

    Labels and sums of pixels come from one pass over the source, and later from the cache. Raises
    JaxcmpError as `read_decoded` does; so does reading the images.
    """
    folder = reader.cache_entry()
    entry = folder and folder.with_name(f"{folder.name}-sums")
    facts = entry and cache.read(entry)
    if facts is None:
        logging.info("Reading labels and pixel sums of %s, once", reader.description)
        if entry:
            facts = cache.write(entry, reader.map_blocks(_facts))
        else:
            facts = _facts(*reader.read(range(reader.num_examples)))
    height, width, channels = facts["shapes"][0].tolist()
    stored = StoredImages(
        lambda rows: reader.read(rows.tolist())[0],
        np.arange(reader.num_examples),
        facts["sums"],
        (height, width, channels),
    )
    return stored, facts["labels"]


def _facts(images: np.ndarray, labels: np.ndarray) -> cache.Arrays:
    return {
        "shapes": np.array([images.shape[1:]]),
        "labels": labels,
        "sums": image_sums(images),
    }
