"""Predictions for a whole split, each example exactly once, whatever the batch and the devices."""

import collections
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcmp.augment import unaugmented

# Enough that the device does not wait for the host.
BATCHES_IN_LINE = 2


def make_eval_step(model: nn.Module, *, mean: np.ndarray, std: np.ndarray) -> Callable[..., Array]:
    """Binds (variables, all images uint8, indices [batch]) -> logits [batch, classes].

    Images of another size than the model's are resized. `take` is how the step finds rows where
    each device holds a part of the images.
    """

    def eval_step(
        variables: Any,
        all_images: Array,
        indices: Array,
        *,
        take: Callable[[Array, Array], Array] = operator.getitem,
    ) -> Array:
        images = take(all_images, indices)
        images = unaugmented(images, mean, std, image_size=model.image_size)
        return jnp.asarray(model.apply(variables, images, is_training=False))

    return eval_step


def padded_batches(num_examples: int, batch_size: int) -> Iterator[np.ndarray]:
    """Indices int32 [batch_size] that cover every example once, the rest filled with the last."""
    for start in range(0, num_examples, batch_size):
        indices = np.arange(start, start + batch_size, dtype=np.int32)
        yield np.minimum(indices, num_examples - 1)


def collect_logits(batches: Iterable[Array | np.ndarray], *, num_examples: int) -> np.ndarray:
    """Logits float32 [num_examples, classes] of `padded_batches`, each [batch_size, classes].

    Reading waits for the device, and so it is done two batches later; but no later than that, as a
    batch in line may hold its images on the device.
    """
    logits, in_line = [], collections.deque()
    for batch in batches:
        in_line.append(batch)
        if len(in_line) > BATCHES_IN_LINE:
            logits.append(np.asarray(in_line.popleft()))
    logits += map(np.asarray, in_line)
    return np.concatenate(logits)[:num_examples]
