"""Layers agree with Flax's and XLA's own, forward and backward, and a GPU gets those."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import Array

from jaxcmp.models import layers

# Rounding of the type itself, relative to the largest element.
TOLERANCES = {jnp.float32: 2e-6, jnp.bfloat16: 1.6e-2}
TYPES = pytest.mark.parametrize("dtype", list(TOLERANCES))


def normal(seed: int, *shape: int) -> Array:
    return jax.random.normal(jax.random.key(seed), shape)


def assert_close(found, wanted, dtype) -> None:
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        assert one.dtype == other.dtype
        one, other = np.asarray(one, np.float32), np.asarray(other, np.float32)
        atol = TOLERANCES[dtype] * max(np.abs(other).max(), 1e-3)
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


def value_and_gradients(function, *arguments):
    """The result, and gradients of a sum of it with weights that each type holds, compiled."""

    def both(*arguments):
        result, pull = jax.vjp(function, *arguments)
        weights: Array = jnp.sin(jnp.arange(result.size, dtype=jnp.float32)).reshape(result.shape)
        return result, pull(weights.astype(jnp.bfloat16).astype(result.dtype))

    return jax.jit(both)(*arguments)


@TYPES
@pytest.mark.parametrize(("rows", "width", "features"), [(128, 24, 96), (128, 96, 24), (5, 7, 3)])
def test_a_dense_layer_is_flaxs(dtype, rows, width, features):
    x = normal(0, 2, rows, width).astype(dtype)
    ours = layers.Dense(features, nn.initializers.lecun_normal(), nn.initializers.ones, dtype)
    flax = nn.Dense(features, bias_init=nn.initializers.ones)
    variables = ours.init(jax.random.key(1), x)
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(
        jnp.shape, flax.init(jax.random.key(1), x)
    )
    # Both start from the same rounded numbers; float32 shows what the rest should give.
    variables = jax.tree.map(lambda leaf: leaf.astype(dtype).astype(jnp.float32), variables)
    exact = value_and_gradients(flax.apply, variables, x.astype(jnp.float32))
    found = value_and_gradients(ours.apply, variables, x)
    assert found[0].dtype == found[1][1].dtype == dtype
    assert_close(found, jax.tree.map(lambda one, e: e.astype(one.dtype), found, exact), dtype)


@TYPES
def test_gelu_is_the_exact_one(dtype):
    x = jnp.linspace(-8, 8, 4001).astype(dtype)
    found = value_and_gradients(layers.gelu, x)
    assert_close(found, value_and_gradients(lambda x: nn.gelu(x, approximate=False), x), dtype)


def lowered(function, *shapes, dtype=jnp.bfloat16) -> str:
    arguments = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    traced = jax.jit(lambda *a: jax.vjp(function, *a)[1](function(*a))).trace(*arguments)
    return traced.lower(lowering_platforms=("cuda",)).as_text()


def test_a_gpu_gets_products_without_copies():
    text = lowered(layers.affine, (128, 16), (16, 32), (32,))
    assert "bitcast_convert" not in text
    assert "concatenate" not in text
