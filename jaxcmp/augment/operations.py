"""Image operations that change grey levels: blends with a degenerate image, and tables.

Images are uint8 [H, W, C] with one or three channels. Levels are rounded as in Pillow's
ImageEnhance and ImageOps. Magnitudes may be traced.
"""

import jax
import jax.numpy as jnp
from jax import Array


def blend(degenerate: Array, image: Array, factor: float | Array) -> Array:
    """Interpolates linearly from the degenerate image (factor 0) to the image (1) and beyond."""
    start = degenerate.astype(jnp.float32)
    change = factor * (image.astype(jnp.float32) - start)
    # Levels are truncated, so a sum just below a whole number would lose a level, which depends on
    # whether the device fuses multiplication and addition. Factors are multiples of 0.001, so
    # adding 1/4096 corrects such sums and changes no other.
    return jnp.clip(start + (change + 1 / 4096), 0, 255).astype(jnp.uint8)


def grey(image: Array) -> Array:
    """Replaces each pixel by its luma (ITU-R 601-2, weights in 1/65536, rounded to nearest)."""
    if image.shape[-1] == 1:
        return image
    red, green, blue = jnp.moveaxis(image.astype(jnp.int32), -1, 0)
    luma = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    return jnp.broadcast_to(luma[:, :, None], image.shape).astype(jnp.uint8)


def mean_grey(image: Array) -> Array:
    """Replaces every pixel by the mean luma, rounded to nearest, halves up."""
    luma = grey(image)[:, :, 0]
    # Integers, because a float32 sum over a large image is not exact.
    if luma.size * 255 < 2**31:
        quotient, remainder = jnp.divmod(jnp.sum(luma, dtype=jnp.int32), luma.size)
    else:
        # Row by row, because an int32 does not hold the sum of all pixels.
        height, width = luma.shape
        quotients, rests = jnp.divmod(jnp.sum(luma, axis=1, dtype=jnp.int32), width)
        quotient, rest = jnp.divmod(jnp.sum(quotients), height)
        more, remainder = jnp.divmod(rest * width + jnp.sum(rests), luma.size)
        quotient += more
    level = quotient + (2 * remainder >= luma.size)
    return jnp.broadcast_to(level, image.shape).astype(jnp.uint8)


def smooth(image: Array) -> Array:
    """Averages each pixel, with weight 5, and its eight neighbours; border pixels stay."""
    height, width, _ = image.shape
    if height < 3 or width < 3:
        return image
    levels = image.astype(jnp.uint32)
    rows = levels[:-2] + levels[1:-1] + levels[2:]
    total = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4 * levels[1:-1, 1:-1]
    inside = ((total + 6) // 13).astype(jnp.uint8)
    return jax.lax.dynamic_update_slice(image, inside, (1, 1, 0))


def posterize(levels: Array, bits: int | Array) -> Array:
    """Keeps the `bits` (0..8) highest bits of each level."""
    return levels & (256 - (1 << (8 - jnp.asarray(bits)))).astype(jnp.uint8)


def solarize(levels: Array, threshold: float | Array) -> Array:
    """Inverts the levels at or above the threshold (0..256)."""
    return jnp.where(levels < threshold, levels, 255 - levels)


def autocontrast_table(counts: Array) -> Array:
    """Returns the table that stretches each channel from its darkest to its brightest level.

    `counts` is the histogram, and the table has the new level of each level, uint8 [256, C]. Pillow
    divides in floating point and can come out one level lower.
    """
    ramp = jnp.arange(256, dtype=jnp.int32)[:, None]
    low = jnp.min(jnp.where(counts > 0, ramp, 255), axis=0, keepdims=True)
    high = jnp.max(jnp.where(counts > 0, ramp, 0), axis=0, keepdims=True)
    stretched = (ramp - low) * 255 // jnp.maximum(high - low, 1)
    return jnp.where(high > low, jnp.clip(stretched, 0, 255), ramp).astype(jnp.uint8)


def equalize_table(counts: Array) -> Array:
    """Returns the table that makes the levels of each channel about equally frequent.

    `counts` is the histogram, and the table has the new level of each level, uint8 [256, C].
    """
    ramp = jnp.arange(256, dtype=jnp.int32)[:, None]
    below = jnp.cumsum(counts, axis=0) - counts
    # The brightest level does not count: the pixels below it fill 255 steps.
    step = jnp.max(jnp.where(counts > 0, below, 0), axis=0, keepdims=True) // 255
    spread = (below + step // 2) // jnp.maximum(step, 1)
    return jnp.where(step > 0, jnp.minimum(spread, 255), ramp).astype(jnp.uint8)


def histogram(image: Array) -> Array:
    """Counts each level in each channel: int32 [256, C]."""
    channels = image.shape[-1]
    pixels = image.reshape(-1, channels).astype(jnp.int32)
    return jnp.zeros((256, channels), jnp.int32).at[pixels, jnp.arange(channels)[None, :]].add(1)


def look_up(table: Array, image: Array) -> Array:
    """Replaces each level by its entry in the table [256, C] for its channel."""
    pixels = image.reshape(-1, image.shape[-1]).astype(jnp.int32)
    return jnp.take_along_axis(table, pixels, axis=0).reshape(image.shape)
