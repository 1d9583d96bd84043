"""The order of examples: each epoch is a fresh permutation, cut into batches."""

import functools

import numpy as np

from jaxcmp.data.random_streams import stream


def batch_indices(seed: int, step: int, *, num_examples: int, batch_size: int) -> np.ndarray:
    """Returns the positions of a step's examples, int32 [batch_size], read-only.

    Steps count from 1. The order of an epoch depends on the seed, the epoch and the two numbers
    alone, so that a resumed run continues with the same batches; an incomplete last batch is
    dropped. A batch is at most as large as the data set: see `clock.Clock.of`.
    """
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
