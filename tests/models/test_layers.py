"""Layers agree with Flax's and XLA's own, forward and backward, and a GPU gets those."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from gradients import TYPES, assert_close, lowered, normal, value_and_gradients

from jaxcmp.models import layers


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


def test_a_gpu_gets_products_without_copies():
    text = lowered(layers.affine, (128, 16), (16, 32), (32,))
    assert "bitcast_convert" not in text
    assert "concatenate" not in text
