"""Dynamic loss scaling: gradients that float16 would round to zero are brought into its range.

Micikevicius et al. (2018), section 3.2. Flax's DynamicScale differentiates and adjusts in one call;
a batch that is worked through in parts differentiates several times and must adjust once.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

FIRST = 2.0**16
# Powers of two, so that scaling and unscaling round nothing.
SMALLEST, LARGEST = 1.0, 2.0**24
GROWTH_INTERVAL = 2000


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LossScale:
    """The factor of the loss, float32, and the number of good steps in a row, int32."""

    factor: Array
    good_steps: Array


def fresh() -> LossScale:
    return LossScale(jnp.asarray(FIRST, jnp.float32), jnp.zeros((), jnp.int32))


def adjust(loss_scale: LossScale, is_good: Array) -> LossScale:
    """Halves the factor, but not below 1, after a step whose gradients are not finite.

    After 2,000 good steps in a row it doubles, up to 2**24.
    """
    good_steps = loss_scale.good_steps + 1
    is_growing = good_steps == GROWTH_INTERVAL
    grown = jnp.where(is_growing, loss_scale.factor * 2, loss_scale.factor)
    factor = jnp.where(is_good, grown, loss_scale.factor / 2)
    good_steps = jnp.where(is_growing | ~is_good, 0, good_steps)
    return LossScale(jnp.clip(factor, SMALLEST, LARGEST), good_steps)


def is_exhausted(loss_scale: LossScale) -> Array:
    """Whether a smaller factor cannot help any more."""
    return loss_scale.factor <= SMALLEST


def keep_if(is_good: Array, new: Any, old: Any) -> Any:
    """One of two like pytrees, leaf by leaf: cheaper on a device than a branch."""
    return jax.tree.map(lambda a, b: jnp.where(is_good, a, b), new, old)
