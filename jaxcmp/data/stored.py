"""A split of a prepared data set whose images stay encoded in its files until they are needed."""

from collections.abc import Callable

import numpy as np
from absl import logging

from jaxcmp.data import cache, examples
from jaxcmp.data.features import Builder
from jaxcmp.data.normalisation import image_sums
from jaxcmp.data.streaming import StoredImages, in_order

_BLOCK = 256


def open_stored(
    builder: Builder, split: str, *, image_size: int
) -> tuple[StoredImages, np.ndarray]:
    """Returns the images that `examples.read` would, unread, and their labels, int32 [n].

    Labels and sums of pixels come from one pass over the files, and later from the cache.

    Raises:
      CommandError: the images have several sizes and `image_size` is 0.
      JaxcmpError: the prepared files are damaged, or the cache cannot be written. Reading the
        images raises the same.
    """
    num_examples = builder.info.splits[split].num_examples
    read_block = examples.reader(builder, split, image_size=image_size)
    folder = examples.cache_entry(builder, split, image_size=image_size)
    entry = folder.with_name(f"{folder.name}.npz")
    found = cache.read_arrays(entry)
    if found is None:
        logging.info("Looking through %d images of split %s, once", num_examples, split)
        found = _look_through(builder, read_block, num_examples)
        cache.write_arrays(entry, found)

    def read_images(positions: np.ndarray) -> np.ndarray:
        images, _ = read_block(positions.tolist())
        return images

    height, width, channels = found["shape"].tolist()
    stored = StoredImages(
        read_images, np.arange(num_examples), found["sums"], (height, width, channels)
    )
    return stored, found["labels"]


def _look_through(
    builder: Builder, read_block: Callable[..., cache.Block], num_examples: int
) -> dict[str, np.ndarray]:
    """The `shape` of every image, `labels` int32 [n] and `sums` of pixels uint64 [n, 2, C]."""
    starts = range(0, num_examples, _BLOCK)

    def look(index: int) -> tuple[tuple[int, ...], np.ndarray, np.ndarray]:
        start = starts[index]
        images, labels = read_block(range(start, min(start + _BLOCK, num_examples)))
        return images.shape[1:], labels, image_sums(images)

    blocks = in_order(look, len(starts), num_ahead=0)
    shapes, labels, sums = zip(*blocks, strict=True)
    examples.check_shapes(builder, shapes)
    return {
        "shape": np.array(shapes[0]),
        "labels": np.concatenate(labels),
        "sums": np.concatenate(sums),
    }
