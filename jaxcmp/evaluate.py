"""Predictions for a whole split, each example exactly once for any batch size or device count."""

import collections
from collections.abc import Iterable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcmp import models
from jaxcmp.augment import unaugmented

# Enough to keep the device busy while the host reads.
MAX_PENDING = 2


def predict_logits(
    model: models.ViT | models.ResNet,
    variables: Any,
    images: Array,
    *,
    mean: np.ndarray,
    std: np.ndarray,
) -> Array:
    """Maps images uint8 [batch, height, width, channels] to logits float32 [batch, classes].

    Images of another size than the model's are resized.
    """
    images = unaugmented(images, mean, std, image_size=model.image_size)
    # As in training: nothing is differentiated here.
    fast = model.clone(has_kernels=True)
    return jnp.asarray(fast.apply(variables, images, is_training=False))


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
