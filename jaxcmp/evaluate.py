"""Predictions for a whole split, each example exactly once, whatever the batch and the devices."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcmp.augment import normalise


def make_eval_step(model: nn.Module, *, mean: np.ndarray, std: np.ndarray) -> Callable[..., Array]:
    """Binds (variables, all images uint8, indices [batch]) -> logits [batch, classes].

    `take` is how the step finds rows where each device holds a part of the images.
    """

    def eval_step(
        variables: Any,
        all_images: Array,
        indices: Array,
        *,
        take: Callable[[Array, Array], Array] = operator.getitem,
    ) -> Array:
        images = normalise(take(all_images, indices), mean, std)
        return jnp.asarray(model.apply(variables, images, is_training=False))

    return eval_step


def padded_batches(num_examples: int, batch_size: int) -> Iterator[np.ndarray]:
    """Indices int32 [batch_size] that cover every example once, the rest filled with the last."""
    for start in range(0, num_examples, batch_size):
        indices = np.arange(start, start + batch_size, dtype=np.int32)
        yield np.minimum(indices, num_examples - 1)


def predict_logits(
    eval_batch: Callable[[np.ndarray], Array | np.ndarray], *, num_examples: int, batch_size: int
) -> np.ndarray:
    """Logits float32 [num_examples, classes]; `eval_batch` maps indices [batch_size] to logits."""
    # All batches are put in line before the first is read: reading waits for the device.
    batches = [eval_batch(indices) for indices in padded_batches(num_examples, batch_size)]
    return np.concatenate([np.asarray(logits) for logits in batches])[:num_examples]
