"""The order of examples: each epoch is a fresh permutation, cut into batches."""

import functools

import numpy as np

from jaxcmp.data.streams import stream
from jaxcmp.errors import CommandError


def batch_indices(seed: int, step: int, *, num_examples: int, batch_size: int) -> np.ndarray:
    """Returns the positions of a step's examples, int32 [batch_size], read-only.

    Steps count from 1. The order depends only on (seed, epoch), so a resumed run continues with the
    same batches; an incomplete last batch is dropped.

    Raises:
      CommandError: the batch is larger than the data set.
    """
    if batch_size > num_examples:
        raise CommandError(
            f"a batch of {batch_size} does not fit into {num_examples} training images: "
            f"choose a batch size of at most {num_examples}"
        )
    if step < 1:
        raise ValueError(f"steps count from 1, got {step}")
    epoch, position = divmod(step - 1, num_examples // batch_size)
    start = position * batch_size
    return _permutation(seed, epoch, num_examples)[start : start + batch_size]


# Steps of an epoch share a permutation; reading ahead needs the next one too.
@functools.lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, num_examples: int) -> np.ndarray:
    order = stream("order", seed, epoch).permutation(np.arange(num_examples, dtype=np.int32))
    order.flags.writeable = False
    return order
