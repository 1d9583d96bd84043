"""Batches of a whole split in order: each example once, for any batch size or device count."""

import collections
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

import jax
import numpy as np
from jax import Array

from jaxcmp.data.streaming import Images, ReadAhead
from jaxcmp.runtime import devices

# Enough to keep the device busy while the host reads.
MAX_PENDING = 2


def batch_for(num_examples: int, batch_size: int, num_devices: int) -> int:
    """Returns a batch size no larger than needed, rounded up to equal parts for the devices."""
    return -(-min(batch_size, num_examples) // num_devices) * num_devices


def padded_batches(num_examples: int, batch_size: int) -> Iterator[np.ndarray]:
    """Yields indices int32 [batch_size] that cover all examples once, then repeat the last one."""
    for start in range(0, num_examples, batch_size):
        indices = np.arange(start, start + batch_size, dtype=np.int32)
        yield np.minimum(indices, num_examples - 1)


def collect_logits(batches: Iterable[Array | np.ndarray], *, num_examples: int) -> np.ndarray:
    """Joins the logits of `padded_batches`, each [batch_size, classes], to [num_examples, classes].

    Reading a batch waits for the device, so it is done two batches later. More batches would wait
    with their images on the device.
    """
    logits, pending = [], collections.deque()
    for batch in batches:
        pending.append(batch)
        if len(pending) > MAX_PENDING:
            logits.append(np.asarray(pending.popleft()))
    logits += map(np.asarray, pending)
    return np.concatenate(logits)[:num_examples]


def in_batches(
    compute: Callable[[Any, Array], Array],
    variables: Any,
    images: Images,
    *,
    batch_size: int,
    advance: Callable[[np.ndarray], None] = lambda images: None,
    compiler_options: dict[str, Any] | None = None,
) -> np.ndarray:
    """Applies `compute`, a pure function of variables and a batch, to all images, in order.

    Batches are divided among the devices and read ahead, whether images are in memory or streamed.
    `batch_size` is from `batch_for`; each batch's images, uint8 [k, H, W, C], each once, are passed
    to `advance`. `compiler_options` are XLA's. Returns the results float32 [n, width].
    """
    mesh, num_images = devices.make_mesh(), images.shape[0]
    replicated, sharded = devices.replicated(mesh), devices.sharded(mesh)
    batches = list(padded_batches(num_images, batch_size))
    program = jax.jit(compute, out_shardings=replicated, compiler_options=compiler_options)
    variables = jax.device_put(variables, replicated)

    def results(reading: ReadAhead) -> Iterator[Array]:
        for n in range(len(batches)):
            batch = reading.take(range(n, n + 1))[0]
            yield program(variables, devices.place(batch, sharded))
            advance(batch[: num_images - n * batch_size])

    with closing(ReadAhead(images, batches.__getitem__, stop=len(batches))) as reading:
        return collect_logits(results(reading), num_examples=num_images)
