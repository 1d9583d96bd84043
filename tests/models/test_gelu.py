"""The GELU is the exact one, with its gradient, and a GPU computes it from the error function."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from gradients import TYPES, assert_close, lowered, value_and_gradients

from jaxcmp.models.gelu import gelu


@TYPES
def test_gelu_is_the_exact_one(dtype):
    x = jnp.linspace(-8, 8, 4001).astype(dtype)
    found = value_and_gradients(gelu, x)
    assert_close(found, value_and_gradients(lambda x: nn.gelu(x, approximate=False), x), dtype)


def test_its_slope_is_finite_where_the_result_is_nothing_or_next_to_nothing():
    x = jnp.asarray([0.0, -0.0, 1e-38, 1e-30, -1e-30, -40.0, 40.0])
    slope = jax.jit(jax.vmap(jax.grad(gelu)))(x)
    np.testing.assert_allclose(slope, [0.5, 0.5, 0.5, 0.5, 0.5, 0, 1], atol=1e-6)


def test_a_gpu_divides_by_nothing():
    assert "stablehlo.divide" not in lowered(gelu, (8, 16))
