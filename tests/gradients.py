"""Compares a function and its gradients with another form of it, and shows what a GPU gets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

# Rounding of the type itself, relative to the largest element.
TOLERANCES = {jnp.float32: 2e-6, jnp.bfloat16: 1.6e-2}
TYPES = pytest.mark.parametrize("dtype", list(TOLERANCES))


def normal(seed: int, *shape: int) -> Array:
    return jax.random.normal(jax.random.key(seed), shape)


def assert_close(actual, wanted, dtype) -> None:
    for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(wanted), strict=True):
        assert one.dtype == other.dtype
        one, other = np.asarray(one, np.float32), np.asarray(other, np.float32)
        atol = TOLERANCES[dtype] * max(np.abs(other).max(), 1e-3)
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


def value_and_gradients(function, *arguments, compiler_options=None):
    """Computes a function, and the gradients of a weighted sum of its result, compiled."""

    def both(*arguments):
        result, pull = jax.vjp(function, *arguments)
        weights: Array = jnp.sin(jnp.arange(result.size, dtype=jnp.float32)).reshape(result.shape)
        return result, pull(weights.astype(jnp.bfloat16).astype(result.dtype))

    return jax.jit(both, compiler_options=compiler_options)(*arguments)


def lowered(function, *shapes, dtype=jnp.bfloat16) -> str:
    arguments = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    traced = jax.jit(lambda *a: jax.vjp(function, *a)[1](function(*a))).trace(*arguments)
    return traced.lower(lowering_platforms=("cuda",)).as_text()
