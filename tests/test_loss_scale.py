"""The loss scale: lowered at once when gradients overflow, raised after a long time without."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxcmp.step import GROWTH_INTERVAL, LARGEST_FACTOR, LossScale


def scale_of(factor, good_steps=0):
    return LossScale(jnp.float32(factor), jnp.int32(good_steps))


def after(scale, *is_good):
    """Returns the factor and the count after these good and bad steps."""
    for each in is_good:
        scale = scale.after_step(jnp.asarray(each))
    return float(scale.factor), int(scale.good_steps)


def test_a_bad_step_halves_the_scale_and_resets_the_count():
    assert after(scale_of(64, good_steps=7), False) == (32, 0)
    assert after(scale_of(64, good_steps=7), True) == (64, 8)


def test_the_scale_doubles_after_two_thousand_good_steps_in_a_row():
    steps = jnp.ones(4001, bool).at[1000].set(False)

    def step(scale, is_good):
        scale = scale.after_step(is_good)
        return scale, scale.factor

    _, factors = jax.lax.scan(step, scale_of(64), steps)
    # Good ones are numbers 1002 to 3001; the next doubling would be at 5001.
    changes = np.flatnonzero(np.diff(np.asarray(factors), prepend=64)) + 1
    assert changes.tolist() == [1001, 3001]
    assert float(factors[-1]) == 64


def test_the_scale_stays_between_one_and_its_largest_value():
    assert after(scale_of(1), False)[0] == 1
    largest = scale_of(LARGEST_FACTOR, good_steps=GROWTH_INTERVAL - 1)
    assert after(largest, True) == (LARGEST_FACTOR, 0)
