"""Image operations that change grey levels: blends with a degenerate image, and tables.

Every function takes one uint8 image [H, W, C] of one or three channels and gives one back, with
the rounding of Pillow's ImageEnhance and ImageOps. Magnitudes may be traced.
"""

import jax
import jax.numpy as jnp
from jax import Array


def blend(degenerate: Array, image: Array, factor: float | Array) -> Array:
    """Goes from the degenerate image (factor 0) to the image (1) and, in a line, beyond it."""
    start = degenerate.astype(jnp.float32)
    change = factor * (image.astype(jnp.float32) - start)
    # Levels are truncated, so a sum that falls just short of a whole number would lose a level,
    # and whether it falls short depends on the device fusing multiplication and addition. The
    # factors in use are multiples of 0.001, so 1/4096 repairs these and reaches no other.
    return jnp.clip(start + (change + 1 / 4096), 0, 255).astype(jnp.uint8)


def brightness(image: Array, factor: float | Array) -> Array:
    """Blends with black."""
    return blend(black(image), image, factor)


def contrast(image: Array, factor: float | Array) -> Array:
    """Blends with the image's mean grey."""
    return blend(mean_grey(image), image, factor)


def color(image: Array, factor: float | Array) -> Array:
    """Blends with the grey image; one channel stays as it is."""
    return blend(grey(image), image, factor)


def sharpness(image: Array, factor: float | Array) -> Array:
    """Blends with the smoothed image."""
    return blend(smooth(image), image, factor)


def black(image: Array) -> Array:
    """Gives a black image of the same shape."""
    return jnp.zeros_like(image)


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
    # In whole numbers: a float32 sum over a large image is not exact.
    quotient, remainder = jnp.divmod(jnp.sum(luma, dtype=jnp.int32), luma.size)
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
    """Inverts the levels that are not below the threshold (0..256)."""
    return jnp.where(levels < threshold, levels, 255 - levels)


def autocontrast(image: Array) -> Array:
    """Stretches each channel so that its darkest level becomes 0 and its brightest 255.

    Pillow divides in floating point and can come out one level below the exact quotient.
    """
    return look_up(autocontrast_table(histogram(image)), image)


def equalize(image: Array) -> Array:
    """Spreads each channel's levels so that each is about equally frequent."""
    return look_up(equalize_table(histogram(image)), image)


def autocontrast_table(counts: Array) -> Array:
    """Gives the new level of each level, uint8 [256, C], from a histogram."""
    ramp = jnp.arange(256, dtype=jnp.int32)[:, None]
    low = jnp.min(jnp.where(counts > 0, ramp, 255), axis=0, keepdims=True)
    high = jnp.max(jnp.where(counts > 0, ramp, 0), axis=0, keepdims=True)
    stretched = (ramp - low) * 255 // jnp.maximum(high - low, 1)
    return jnp.where(high > low, jnp.clip(stretched, 0, 255), ramp).astype(jnp.uint8)


def equalize_table(counts: Array) -> Array:
    """Gives the new level of each level, uint8 [256, C], from a histogram."""
    ramp = jnp.arange(256, dtype=jnp.int32)[:, None]
    below = jnp.cumsum(counts, axis=0) - counts
    # The brightest level present does not count: the pixels below it fill 255 steps.
    step = jnp.max(jnp.where(counts > 0, below, 0), axis=0, keepdims=True) // 255
    spread = (below + step // 2) // jnp.maximum(step, 1)
    return jnp.where(step > 0, jnp.minimum(spread, 255), ramp).astype(jnp.uint8)


def identity_table(num_channels: int) -> Array:
    """Gives the table that changes nothing: uint8 [256, C]."""
    ramp = jnp.arange(256, dtype=jnp.uint8)[:, None]
    return jnp.broadcast_to(ramp, (256, num_channels))


def histogram(image: Array) -> Array:
    """Counts each level in each channel: int32 [256, C]."""
    channels = image.shape[-1]
    pixels = image.reshape(-1, channels).astype(jnp.int32)
    return jnp.zeros((256, channels), jnp.int32).at[pixels, jnp.arange(channels)[None, :]].add(1)


def look_up(table: Array, image: Array) -> Array:
    """Replaces each level by what the table [256, C] says for its channel."""
    pixels = image.reshape(-1, image.shape[-1]).astype(jnp.int32)
    return jnp.take_along_axis(table, pixels, axis=0).reshape(image.shape)
