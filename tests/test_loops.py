"""Loops: the same results whether unrolled or not, and parts that stand for the whole batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcmp.loops import in_parts, scan

X = np.arange(24, dtype=np.float32).reshape(8, 3)


def grad_fn(params, batch_stats, images, targets, key, scale):
    """A mean over examples; the statistics are how many parts there were, the accuracy a draw."""
    loss = scale * jnp.mean(images @ params + targets)
    return (loss, (batch_stats + 1, jax.random.uniform(key))), scale * jnp.mean(images, axis=0)


def test_parts_average_to_the_whole_one_after_the_other():
    def results(function):
        arguments = (jnp.ones(3), jnp.zeros(()), jnp.asarray(X), jnp.arange(8.0))
        return jax.jit(function)(*arguments, jax.random.key(0), 2.0)

    (loss, (count, _)), gradient = results(grad_fn)
    (same_loss, (parts, draw)), same_gradient = results(in_parts(grad_fn, 4))
    np.testing.assert_allclose((same_loss, *same_gradient), (loss, *gradient), rtol=1e-6)
    assert (count, parts) == (1, 4)
    # Each part has a key of its own.
    draws = [jax.random.uniform(each) for each in jax.random.split(jax.random.key(0), 4)]
    assert float(draw) == pytest.approx(float(np.mean(draws)), rel=1e-6)


def test_one_part_is_the_function_itself():
    assert in_parts(grad_fn, 1) is grad_fn


def test_a_loop_is_unrolled_on_a_cpu_and_nowhere_else():
    def total(x):
        return scan(lambda carry, row: (carry + row, carry), jnp.zeros(3), x)

    carry, rows = jax.jit(total)(X)
    np.testing.assert_array_equal(carry, X.sum(axis=0))
    np.testing.assert_array_equal(rows[1:], np.cumsum(X, axis=0)[:-1])
    traced = jax.jit(total).trace(X)
    texts = [traced.lower(lowering_platforms=(each,)).as_text() for each in ("cpu", "cuda")]
    assert ["while" in text for text in texts] == [False, True]
