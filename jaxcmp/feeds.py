"""What steps take their images from: the devices, where all of them lie, or files read ahead."""

import dataclasses
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxcmp import devices
from jaxcmp.data.order import batch_indices
from jaxcmp.data.streaming import Images, ReadAhead, StoredImages
from jaxcmp.evaluate import padded_batches

# Images uint8 [n, height, width, channels] and labels int32 [n].
Examples = tuple[Images, np.ndarray]
# More than any run takes; reading ahead needs an end.
_LAST_STEP = 2**31


@dataclasses.dataclass(frozen=True)
class Feed:
    """The arguments of steps, on the devices.

    `train` maps a range of steps to images, labels and indices: those of one step, or as many rows
    of indices as there are steps. With `take`, a step finds its batch in the images and labels by
    its indices. `held_out` goes through a split in `padded_batches`, as pairs of images and
    indices. `train_shapes(number of steps)` and `held_out_shapes(name)` are the shapes of these.

    No more than `most_in_line` dispatches may wait for the devices, whose memory their images take.
    `close` ends what reads ahead.
    """

    take: Callable[[Array, Array], Array]
    train: Callable[[range], tuple[Array, ...]]
    held_out: Callable[[str], Iterator[tuple[Array, ...]]]
    train_shapes: Callable[[int], tuple[jax.ShapeDtypeStruct, ...]]
    held_out_shapes: Callable[[str], tuple[jax.ShapeDtypeStruct, ...]]
    most_in_line: int | None
    close: Callable[[], None]


def make_feed(
    splits: Mapping[str, Examples],
    mesh: Mesh,
    *,
    seed: int,
    batch_size: int,
    eval_batch_size: int,
) -> Feed:
    """Puts the images of all splits on the devices, or reads them ahead if they are StoredImages.

    `splits` are by name, among them "train". `batch_size` is divisible by the number of devices.
    """
    images, labels = splits["train"]
    # As many as asked for, in equal parts for the devices, and no more than there are examples.
    largest = max(len(labels) for name, (_, labels) in splits.items() if name != "train")
    eval_batch_size = -(-min(eval_batch_size, largest) // mesh.size) * mesh.size
    order = partial(batch_indices, seed, num_examples=len(labels), batch_size=batch_size)
    make = _streamed if isinstance(images, StoredImages) else _resident
    return make(splits, mesh, order, eval_batch_size)


def _resident(
    splits: Mapping[str, Examples],
    mesh: Mesh,
    order: Callable[[int], np.ndarray],
    eval_batch_size: int,
) -> Feed:
    """Each device holds a part of the images, and is sent no more than indices."""
    placed = {
        name: tuple(devices.place_rows(np.asarray(x), mesh) for x in split)
        for name, split in splits.items()
    }

    def train(steps: range) -> tuple[Array, ...]:
        indices = np.stack([order(step) for step in steps])
        if len(steps) == 1:
            return *placed["train"], devices.place(indices[0], devices.sharded(mesh))
        return *placed["train"], devices.place(indices, devices.sharded(mesh, axis=1))

    def held_out(name: str) -> Iterator[tuple[Array, ...]]:
        images, labels = placed[name][0], splits[name][1]
        for indices in padded_batches(len(labels), eval_batch_size):
            yield images, devices.place(indices, devices.sharded(mesh))

    return Feed(
        take=devices.take_rows(mesh),
        train=train,
        held_out=held_out,
        train_shapes=lambda num_steps: _shapes(train(range(1, num_steps + 1))),
        held_out_shapes=lambda name: _shapes(next(held_out(name))),
        most_in_line=None,
        close=lambda: None,
    )


def _streamed(
    splits: Mapping[str, Examples],
    mesh: Mesh,
    order: Callable[[int], np.ndarray],
    eval_batch_size: int,
) -> Feed:
    """A dispatch is sent its images, [steps, batch, ...], and a step's index says which are its.

    Each process reads and sends the rows that its own devices need.
    """
    train_images, train_labels = splits["train"]
    stacked, everywhere = devices.sharded(mesh, axis=1), devices.replicated(mesh)
    batch_size = len(order(1))
    own, own_held_out = (devices.own_rows(n, mesh) for n in (batch_size, eval_batch_size))
    training = ReadAhead(train_images, lambda step: order(step)[own], stop=_LAST_STEP)

    def place(images: np.ndarray, num_rows: int) -> Array:
        shape = (len(images), num_rows, *images.shape[2:])
        return devices.place_own_rows(images, stacked, shape=shape)

    def train(steps: range) -> tuple[Array, ...]:
        labels = np.stack([train_labels[order(step)] for step in steps])
        return (
            place(training.take(steps), batch_size),
            devices.place(labels, stacked),
            devices.place(_which(len(steps)), everywhere),
        )

    def held_out(name: str) -> Iterator[tuple[Array, ...]]:
        images, labels = splits[name]
        batches = list(padded_batches(len(labels), eval_batch_size))
        reading = ReadAhead(images, lambda n: batches[n][own_held_out], stop=len(batches))
        with closing(reading):
            for n in range(len(batches)):
                rows = place(reading.take(range(n, n + 1)), eval_batch_size)
                yield rows, devices.place(_which(1), everywhere)

    def shapes(num_steps: int, num_rows: int) -> tuple[jax.ShapeDtypeStruct, ...]:
        shape = (num_steps, num_rows)
        which = _which(num_steps)
        return (
            jax.ShapeDtypeStruct((*shape, *train_images.shape[1:]), np.uint8, sharding=stacked),
            jax.ShapeDtypeStruct(shape, train_labels.dtype, sharding=stacked),
            jax.ShapeDtypeStruct(which.shape, which.dtype, sharding=everywhere),
        )

    return Feed(
        take=operator.getitem,
        train=train,
        held_out=held_out,
        train_shapes=lambda num_steps: shapes(num_steps, batch_size),
        held_out_shapes=lambda name: shapes(1, eval_batch_size)[::2],
        most_in_line=2,
        close=training.close,
    )


def _which(num_steps: int) -> np.ndarray:
    """The number of each step in a dispatch; of a single one, without an axis."""
    return np.arange(num_steps, dtype=np.int32) if num_steps > 1 else np.zeros((), np.int32)


def _shapes(arrays: tuple[Array, ...]) -> tuple[jax.ShapeDtypeStruct, ...]:
    return tuple(jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding) for x in arrays)
