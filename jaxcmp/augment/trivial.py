"""TrivialAugmentWide: one random operation per image (Mueller and Hutter 2021)."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcmp.augment import geometry, operations

MOVES = ("identity", "shear_x", "shear_y", "translate_x", "translate_y", "rotate")
BLENDS = ("brightness", "contrast", "color", "sharpness")
TABLES = ("posterize", "solarize", "autocontrast", "equalize")
OPERATIONS = (*MOVES, *BLENDS, *TABLES)
NUM_BINS = 31

# The magnitudes by bin, weakest first.
SHEARS = 0.99 * np.arange(NUM_BINS) / 30
DEGREES = 135.0 * np.arange(NUM_BINS) / 30
FACTOR_CHANGES = (0.99 * np.arange(NUM_BINS) / 30).astype(np.float32)
BITS = 8 - np.round(np.arange(NUM_BINS) / 5).astype(np.int32)
THRESHOLDS = (255.0 - 8.5 * np.arange(NUM_BINS)).astype(np.float32)


def translations(side: int) -> np.ndarray:
    """Returns the shift in pixels for each bin: up to 32 pixels, as in the paper, or the side.

    A larger shift would leave nothing of a small image.
    """
    return min(32, side) * np.arange(NUM_BINS) // 30


def random_operation(key: Array, image: Array) -> Array:
    """Applies an operation, a bin and a sign drawn uniformly to a uint8 image [H, W, C]."""
    operation, magnitude_bin, is_negative = draw_operation(key)
    return apply_operation(image, operation, magnitude_bin, is_negative)


def draw_operation(key: Array) -> tuple[Array, Array, Array]:
    """Draws the operation's index in OPERATIONS, its bin and whether its sign is negative."""
    # One draw for all three, because each draw and each split of a key adds to the compile time.
    num_choices = len(OPERATIONS) * NUM_BINS * 2
    draw = jnp.floor(jax.random.uniform(key) * num_choices).astype(jnp.int32)
    draw, sign = jnp.divmod(draw, 2)
    operation, magnitude_bin = jnp.divmod(draw, NUM_BINS)
    return operation, magnitude_bin, sign == 1


def apply_operation(
    image: Array, operation: int | Array, magnitude_bin: int | Array, is_negative: bool | Array
) -> Array:
    """Applies one operation, given by its index in OPERATIONS, to a uint8 image [H, W, C].

    `magnitude_bin` is in 0..30. The sign matters to the geometric operations (direction) and the
    blends (a factor below or above 1). C is 1 or 3. Operation, bin and sign may be traced.
    """
    operation = jnp.asarray(operation)

    # Under vmap every branch of a switch is computed, so operations are grouped by the work that
    # they share: one gather, one blend, one table. A switch clamps its index, so the inner ones
    # return some result for operations of other groups, which the outer one discards.
    def move(image: Array) -> Array:
        height, width, _ = image.shape
        matrices = jnp.asarray(_matrices(height, width))
        sign = jnp.asarray(is_negative).astype(jnp.int32)
        index = jnp.minimum(operation, len(MOVES) - 1)
        return geometry.affine(image, matrices[index, sign, magnitude_bin])

    def enhance(image: Array) -> Array:
        degenerates = (jnp.zeros_like, operations.mean_grey, operations.grey, operations.smooth)
        degenerate = jax.lax.switch(operation - len(MOVES), degenerates, image)
        change = jnp.asarray(FACTOR_CHANGES)[magnitude_bin]
        return operations.blend(degenerate, image, 1 + jnp.where(is_negative, -change, change))

    def remap(image: Array) -> Array:
        levels = jnp.broadcast_to(jnp.arange(256, dtype=jnp.uint8)[:, None], (256, image.shape[-1]))
        bits, threshold = jnp.asarray(BITS)[magnitude_bin], jnp.asarray(THRESHOLDS)[magnitude_bin]
        tables = (
            lambda counts: operations.posterize(levels, bits),
            lambda counts: operations.solarize(levels, threshold),
            operations.autocontrast_table,
            operations.equalize_table,
        )
        index = operation - len(MOVES) - len(BLENDS)
        table = jax.lax.switch(index, tables, operations.histogram(image))
        return operations.look_up(table, image)

    groups = jnp.asarray([0] * len(MOVES) + [1] * len(BLENDS) + [2] * len(TABLES))
    return jax.lax.switch(groups[operation], (move, enhance, remap), image)


@functools.cache
def _matrices(height: int, width: int) -> np.ndarray:
    """Computes the matrix of each geometric operation, sign and bin: int32 [6, 2, 31, 6]."""
    rotate = functools.partial(geometry.rotate_matrix, height=height, width=width)
    moves = {
        "identity": (geometry.translate_x_matrix, np.zeros(NUM_BINS)),
        "shear_x": (geometry.shear_x_matrix, SHEARS),
        "shear_y": (geometry.shear_y_matrix, SHEARS),
        "translate_x": (geometry.translate_x_matrix, translations(width)),
        "translate_y": (geometry.translate_y_matrix, translations(height)),
        "rotate": (rotate, DEGREES),
    }
    matrices = [
        [[matrix(sign * magnitude) for magnitude in magnitudes] for sign in (1, -1)]
        for matrix, magnitudes in (moves[name] for name in MOVES)
    ]
    return np.array(matrices, np.int32)
