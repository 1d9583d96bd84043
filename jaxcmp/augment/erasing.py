"""RandomErasing: a random rectangle of the image is erased (Zhong et al. 2017)."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

AREAS = (0.02, 0.33)  # of the image
ASPECTS = (0.3, 3.3)  # height / width
NUM_ATTEMPTS = 10


def erase(
    image: Array, top: int | Array, left: int | Array, height: int | Array, width: int | Array
) -> Array:
    """Sets a rectangle to zero: in a normalised image, the mean colour of the training images."""
    row = jnp.arange(image.shape[0])[:, None, None]
    column = jnp.arange(image.shape[1])[None, :, None]
    is_erased = (row >= top) & (row < top + height) & (column >= left) & (column < left + width)
    return jnp.where(is_erased, 0, image)


def random_erase(key: Array, image: Array, *, rate: float) -> Array:
    """Erases a random rectangle of an image [H, W, C] with probability `rate`.

    Its area is uniform in AREAS, its aspect uniform in ASPECTS on a logarithmic scale, so that tall
    and wide are equally likely. A rectangle that does not fit into the image is redrawn, up to
    NUM_ATTEMPTS times; if none fits, the image stays whole.
    """
    # One draw for all, because each draw and each split of a key adds to the compile time.
    draws = jax.random.uniform(key, (2 * NUM_ATTEMPTS + 3,))
    top, left, is_at_rate = draws[0], draws[1], draws[2] < rate

    low, high = np.stack([AREAS, np.log(ASPECTS)], axis=1)
    shape = low[:, None] + (high - low)[:, None] * draws[3:].reshape(2, NUM_ATTEMPTS)
    area, aspect = shape[0] * (image.shape[0] * image.shape[1]), jnp.exp(shape[1])

    sizes = jnp.round(jnp.sqrt(jnp.stack([area * aspect, area / aspect]))).astype(jnp.int32)
    sizes = jnp.maximum(sizes, 1)
    does_fit = jnp.all(sizes < np.array(image.shape[:2])[:, None], axis=0)
    first = jnp.argmax(does_fit)
    height, width = jnp.where(is_at_rate & does_fit[first], sizes[:, first], 0)
    top = jnp.floor(top * (image.shape[0] - height + 1))
    left = jnp.floor(left * (image.shape[1] - width + 1))
    return erase(image, top, left, height, width)
