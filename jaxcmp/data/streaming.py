"""Streamed images: read from storage, a few batches ahead."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

# Images that a thread reads and decodes at a time; a batch is divided among threads.
_PART = 32
# In addition to the batch in use; each takes the memory of its decoded images.
_BATCHES_AHEAD = 2


@dataclass(frozen=True)
class StoredImages:
    """Images uint8 [n, H, W, C] that take no memory until they are read.

    `read` maps positions [k] in the source to images [k, H, W, C] and is thread-safe; `positions`
    [n] are those of these images, and `sums` [n, 2, C] their `image_sums`.
    """

    read: Callable[[np.ndarray], np.ndarray]
    positions: np.ndarray
    sums: np.ndarray
    image_shape: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.positions), *self.image_shape

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        positions = self.positions[rows]
        if len(positions) == 0:
            return np.empty((0, *self.image_shape), np.uint8)
        return self.read(positions)

    def subset(self, rows: np.ndarray) -> "StoredImages":
        """Returns the images of these rows, still not read."""
        return replace(self, positions=self.positions[rows], sums=self.sums[rows])


Images = np.ndarray | StoredImages


class ReadAhead:
    """A reader of batches of images that reads the next ones in threads, if they come in order.

    `rows_of` maps the number of a batch, below `stop`, to its rows [k], the same number for every
    batch; threads call it too. `close` ends the threads after their current reads.
    """

    def __init__(self, images: Images, rows_of: Callable[[int], np.ndarray], *, stop: int) -> None:
        self._images, self._rows_of, self._stop = images, rows_of, stop
        self._next, self._parts = None, None

    def take(self, numbers: range) -> np.ndarray:
        """Returns images [len(numbers), k, H, W, C]; restarts if these batches do not follow on."""
        num_rows = len(self._rows_of(numbers[0]))
        num_parts = -(-num_rows // _PART)
        if self._parts is None or numbers.start != self._next:
            self.close()
            self._parts = self._start(numbers.start, num_parts)
        # Stays None after a failure, so that the next call restarts.
        self._next = None
        parts = [next(self._parts) for _ in range(len(numbers) * num_parts)]
        self._next = numbers.stop
        return np.concatenate(parts).reshape(len(numbers), num_rows, *self._images.shape[1:])

    def close(self) -> None:
        if self._parts is not None:
            self._parts.close()
        self._parts = None

    def _start(self, first: int, num_parts: int) -> Any:
        def read_part(index: int) -> np.ndarray:
            number, part = divmod(index, num_parts)
            rows = np.array_split(self._rows_of(first + number), num_parts)[part]
            # The last batch of a split may repeat its last image: read it once.
            unique, inverse = np.unique(rows, return_inverse=True)
            return self._images[unique][inverse]

        length = (self._stop - first) * num_parts
        return in_order(read_part, length, num_ahead=_BATCHES_AHEAD * num_parts)


def in_order(read: Callable[[int], Any], length: int, *, num_ahead: int) -> Any:
    """Iterates over read(0), read(1), ..., called by Grain's threads up to `num_ahead` early.

    An error of `read` is raised in the place of its result. The iterator has a `close`.
    """
    # Imported here, because it takes a second.
    import grain

    num_threads = num_cores()
    options = grain.ReadOptions(
        num_threads=num_threads, prefetch_buffer_size=max(num_ahead, num_threads)
    )
    return iter(grain.MapDataset.range(length).map(read).to_iter_dataset(options))


def num_cores() -> int:
    """Returns the number of cores that this process may use."""
    has_affinity = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
