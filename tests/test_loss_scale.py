"""The loss scale: down at once where gradients overflow, up after a long time without."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcmp import loss_scale


def scale_of(factor, good_steps=0):
    return loss_scale.LossScale(jnp.float32(factor), jnp.int32(good_steps))


def after(scale, *is_good):
    """The factor and the count after steps that went well or did not."""
    for each in is_good:
        scale = loss_scale.adjust(scale, jnp.asarray(each))
    return float(scale.factor), int(scale.good_steps)


def test_a_bad_step_halves_the_scale_and_the_count_begins_anew():
    assert after(scale_of(64, good_steps=7), False) == (32, 0)
    assert after(scale_of(64, good_steps=7), True) == (64, 8)


def test_the_scale_doubles_after_two_thousand_good_steps_in_a_row():
    steps = jnp.ones(4001, bool).at[1000].set(False)

    def step(scale, is_good):
        scale = loss_scale.adjust(scale, is_good)
        return scale, scale.factor

    _, factors = jax.lax.scan(step, scale_of(64), steps)
    # Good ones are numbers 1002 to 3001; the next doubling would be at 5001.
    changes = np.flatnonzero(np.diff(np.asarray(factors), prepend=64)) + 1
    assert changes.tolist() == [1001, 3001]
    assert float(factors[-1]) == 64


def test_the_scale_stays_between_one_and_its_largest_value():
    assert after(scale_of(1), False)[0] == 1
    largest = scale_of(loss_scale.LARGEST, good_steps=loss_scale.GROWTH_INTERVAL - 1)
    assert after(largest, True) == (loss_scale.LARGEST, 0)


def test_only_the_smallest_scale_is_exhausted():
    assert bool(loss_scale.is_exhausted(scale_of(1)))
    assert not bool(loss_scale.is_exhausted(scale_of(2)))
    assert not bool(loss_scale.is_exhausted(loss_scale.fresh()))


@pytest.mark.parametrize("is_good", [True, False])
def test_one_of_two_states_is_kept_whole(is_good):
    new, old = {"a": jnp.ones(2), "b": [jnp.int32(3)]}, {"a": jnp.zeros(2), "b": [jnp.int32(4)]}
    kept = loss_scale.keep_if(jnp.asarray(is_good), new, old)
    assert jax.tree.map(lambda x: x.tolist(), kept) == jax.tree.map(
        lambda x: x.tolist(), new if is_good else old
    )
