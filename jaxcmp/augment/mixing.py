"""MixUp and CutMix: each image of a batch is mixed with its neighbour, and so is its target."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcmp.settings import Augment

# Intervals of the table that random_share reads.
NUM_QUANTILES = 4096


def mix(images: Array, targets: Array, keep: Array, share: float | Array) -> tuple[Array, Array]:
    """Mixes each image with the previous one in the batch, and its target alike.

    `images` are [B, H, W, C], `targets` [B, classes]; `keep` [H, W] in 0..1 is the share that
    remains of each pixel, `share` that of the target. The batch's order is random already, so the
    neighbour is a random partner.
    """
    keep = keep[None, :, :, None]
    images = keep * images + (1 - keep) * jnp.roll(images, 1, axis=0)
    targets = share * targets + (1 - share) * jnp.roll(targets, 1, axis=0)
    return images, targets


def random_mix(
    key: Array,
    images: Array,
    targets: Array,
    is_mixing: bool | Array,
    options: Augment,
) -> tuple[Array, Array]:
    """Mixes the whole batch by MixUp or CutMix with probability `mix_rate`, if `is_mixing`.

    A mixed batch uses CutMix with probability `cutmix_rate`, otherwise MixUp, and one share for
    all.
    """
    rate_key, switch_key, mixup_key, cutmix_key = jax.random.split(key, 4)
    height, width = images.shape[1:3]
    if options.cutmix_rate == 0:
        keep, share = random_mixup(mixup_key, height, width, alpha=options.mixup_alpha)
    elif options.cutmix_rate == 1:
        keep, share = random_cutmix(cutmix_key, height, width, alpha=options.cutmix_alpha)
    else:
        is_cutmix = jax.random.bernoulli(switch_key, options.cutmix_rate)
        cutmix = random_cutmix(cutmix_key, height, width, alpha=options.cutmix_alpha)
        mixup = random_mixup(mixup_key, height, width, alpha=options.mixup_alpha)
        keep, share = jax.tree.map(lambda c, m: jnp.where(is_cutmix, c, m), cutmix, mixup)

    is_mixed = jax.random.bernoulli(rate_key, options.mix_rate) & is_mixing
    return jax.lax.platform_dependent(
        is_mixed, images, targets, keep, share, cpu=_mix_in_branch, default=_mix_by_weights
    )


# The batch is computed before it is mixed: fused into one expression, each augmented image would
# be computed again for its neighbour. On a CPU only a branch prevents that; a GPU would wait at a
# branch for the host to read its condition.


def _mix_in_branch(
    is_mixed: Array, images: Array, targets: Array, keep: Array, share: Array
) -> tuple[Array, Array]:
    return jax.lax.cond(
        is_mixed, lambda: mix(images, targets, keep, share), lambda: (images, targets)
    )


def _mix_by_weights(
    is_mixed: Array, images: Array, targets: Array, keep: Array, share: Array
) -> tuple[Array, Array]:
    images, targets = jax.lax.optimization_barrier((images, targets))
    keep, share = jax.tree.map(lambda x: jnp.where(is_mixed, x, 1.0), (keep, share))
    return mix(images, targets, keep, share)


def random_mixup(key: Array, height: int, width: int, *, alpha: float) -> tuple[Array, Array]:
    """Draws the share that remains of each pixel, [H, W], and of the target: Beta(alpha, alpha).

    Source: Zhang et al. 2018.
    """
    share = random_share(key, alpha=alpha)
    return jnp.full((height, width), share), share


def random_cutmix(key: Array, height: int, width: int, *, alpha: float) -> tuple[Array, Array]:
    """Draws the pixels that remain, [H, W], all but a box, and their exact share of the image.

    The box has the image's aspect and an area of 1 - Beta(alpha, alpha) before it is clipped; its
    centre is anywhere in the image. Source: Yun et al. 2019.
    """
    share_key, centre_key = jax.random.split(key)
    side = jnp.sqrt(1 - random_share(share_key, alpha=alpha))
    row, column = jax.random.uniform(centre_key, (2,))
    is_row = _is_near(jnp.floor(row * height), side * height, height)
    is_column = _is_near(jnp.floor(column * width), side * width, width)
    keep = 1.0 - (is_row[:, None] & is_column[None, :])
    num_cut = jnp.sum(is_row) * jnp.sum(is_column)
    return keep, 1 - num_cut / (height * width)


def random_share(key: Array, *, alpha: float) -> Array:
    """Draws from Beta(alpha, alpha); quantiles are exact to 2e-4 for an alpha of up to 10.

    A uniform draw is looked up in a table of quantiles, with linear interpolation. JAX's own
    sampler is a rejection loop, in which a GPU waits for the host at each turn.
    """
    draw = jax.random.uniform(key)
    if alpha == 1:
        return draw
    place = jnp.arccos(1 - 2 * draw) * (NUM_QUANTILES / np.pi)
    below = jnp.minimum(jnp.floor(place).astype(jnp.int32), NUM_QUANTILES - 1)
    table = jnp.asarray(_quantiles(alpha))
    return table[below] + (place - below) * (table[below + 1] - table[below])


@functools.cache
def _quantiles(alpha: float) -> np.ndarray:
    """Returns quantiles of Beta(alpha, alpha), denser at both ends: float32 [NUM_QUANTILES + 1]."""
    # Imported here, as in `runs.metrics`.
    from scipy import special

    ranks = (1 - np.cos(np.linspace(0, np.pi, NUM_QUANTILES + 1))) / 2
    return special.betaincinv(alpha, alpha, ranks).astype(np.float32)


def _is_near(centre: Array, length: Array, size: int) -> Array:
    """Marks the positions, of `size`, that lie in a stretch of whole pixels about the centre."""
    half = length.astype(jnp.int32) // 2
    place = jnp.arange(size)
    return (place >= centre - half) & (place < centre + half)
